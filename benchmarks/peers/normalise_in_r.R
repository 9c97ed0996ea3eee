# Betas by noob and by sesame's QCDPB from the R functions that minfi and sesame are made of.
#
#   Rscript normalise_in_r.R FOLDER
#
# Belongs here: the steps of both methods on MASS::huber, limma::normexp.signal, stats::quantile,
# stats::approx and preprocessCore::normalize.quantiles.use.target. Does not belong here: reading
# arrays. FOLDER holds doubles in binary files: mg, mr, ug, ur (a probe's four intensities), color
# (1 green, 2 red, 0 Type II), negative_g, negative_r, norm_g, norm_r (controls); noob and sesame
# (betas) and p (pOOBAH of sesame) are written there.

folder <- commandArgs(trailingOnly = TRUE)[1]
take <- function(name) {
  path <- file.path(folder, name)
  readBin(path, "double", n = file.size(path) / 8)
}
give <- function(values, name) writeBin(as.double(values), file.path(folder, name))

p <- list(mg = take("mg"), mr = take("mr"), ug = take("ug"), ur = take("ur"))
negative <- list(g = take("negative_g"), r = take("negative_r"))
norm <- list(g = take("norm_g"), r = take("norm_r"))
label <- take("color")

in_band <- function(p, color, channel) {
  if (channel == "g") c(p$mg[color == 1], p$ug[color == 1], p$mg[color == 0])
  else c(p$mr[color == 2], p$ur[color == 2], p$ur[color == 0])
}
out_of_band <- function(p, color, channel) {
  if (channel == "g") c(p$mg[color == 2], p$ug[color == 2])
  else c(p$mr[color == 1], p$ur[color == 1])
}
model <- function(background, signal) {
  estimate <- MASS::huber(background)
  alpha <- max(MASS::huber(signal)$mu - estimate$mu, 10)
  c(estimate$mu, log(estimate$s), log(alpha))
}
methylated <- function(p, color) ifelse(color == 2, p$mr, p$mg)
unmethylated <- function(p, color) ifelse(color == 1, p$ug, p$ur)

# noob
parameters <- lapply(c(g = "g", r = "r"), function(channel)
  model(out_of_band(p, label, channel), in_band(p, label, channel)))
corrected <- function(values, channel) limma::normexp.signal(parameters[[channel]], values) + 15
factor <- mean(corrected(norm$g, "g")) / mean(corrected(norm$r, "r"))
s <- list(mg = corrected(p$mg, "g"), ug = corrected(p$ug, "g"),
          mr = corrected(p$mr, "r") * factor, ur = corrected(p$ur, "r") * factor)
m <- methylated(s, label)
give(m / (m + unmethylated(s, label) + 100), "noob")

# sesame: channels, dye bias, pOOBAH, noob
green <- pmax(p$mg, p$ug)
red <- pmax(p$mr, p$ur)
guess <- ifelse(label == 0, 0, ifelse(red > green, 2, 1))
limit <- quantile(c(out_of_band(p, guess, "g"), out_of_band(p, guess, "r")), 0.95)
color <- ifelse(pmax(red, green) < limit, label, guess)

middle <- function(own, other) {
  x <- sort(own)
  target <- preprocessCore::normalize.quantiles.use.target(matrix(x), other)
  y <- (x + sort(as.vector(target))) / 2
  n <- length(x)
  function(values) {
    result <- approx(x, y, values, ties = mean)$y
    above <- values > x[n]
    below <- values < x[1]
    result[above] <- values[above] - x[n] + y[n]
    result[below] <- values[below] * y[1] / x[1]
    result
  }
}
ig <- c(p$mg[color == 1], p$ug[color == 1])
ir <- c(p$mr[color == 2], p$ur[color == 2])
to_middle <- list(g = middle(ig, ir), r = middle(ir, ig))
d <- list(mg = to_middle$g(p$mg), ug = to_middle$g(p$ug),
          mr = to_middle$r(p$mr), ur = to_middle$r(p$ur))
dyed_negative <- list(g = to_middle$g(negative$g), r = to_middle$r(negative$r))

cumulated <- lapply(c(g = "g", r = "r"), function(channel)
  ecdf(c(out_of_band(d, color, channel), dyed_negative[[channel]])))
m_p <- 1 - ifelse(color == 2, cumulated$r(d$mr), cumulated$g(d$mg))
u_p <- 1 - ifelse(color == 1, cumulated$g(d$ug), cumulated$r(d$ur))
give(pmin(m_p, u_p), "p")

parameters <- lapply(c(g = "g", r = "r"), function(channel) {
  background <- c(out_of_band(d, color, channel), dyed_negative[[channel]])
  background[background == 0] <- 1
  background <- background[background < median(background) + 10 * IQR(background)]
  signal <- in_band(d, color, channel)
  signal[signal == 0] <- 1
  model(background, signal)
})
s <- list(mg = corrected(d$mg, "g"), ug = corrected(d$ug, "g"),
          mr = corrected(d$mr, "r"), ur = corrected(d$ur, "r"))
m <- methylated(s, color)
give(m / (m + unmethylated(s, color)), "sesame")
