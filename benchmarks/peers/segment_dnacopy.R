# Segment bins by DNAcopy with conumee2's settings, one sample after the other.
#
#     Rscript segment_dnacopy.R FOLDER
#
# Reads FOLDER/NUMBER.csv (chrom, start, log2, variance), writes FOLDER/NUMBER.METHOD.csv (first bin
# of each segment, counted from 0) and FOLDER/NUMBER.METHOD.time (processor seconds). METHOD is
# dnacopy with weights 1/variance, as conumee2 has it, and dnacopy0 without weights: segment() of
# DNAcopy 1.72 hands every chromosome the weights of the first bins of the genome.
# The stopping boundary depends on the settings alone and is computed once, outside the times.
suppressPackageStartupMessages(library(DNAcopy))
folder <- commandArgs(trailingOnly = TRUE)[1]
boundary <- getbdry(0.05, 50000, 51)
for (path in sort(list.files(folder, "^[0-9]+\\.csv$", full.names = TRUE))) {
  bins <- read.csv(path, colClasses = c("character", "numeric", "numeric", "numeric"))
  cna <- CNA(bins$log2, bins$chrom, bins$start, data.type = "logratio", presorted = TRUE)
  for (method in c("dnacopy", "dnacopy0")) {
    settings <- list(cna, verbose = 0, alpha = 0.001, nperm = 50000, min.width = 5,
                     undo.splits = "sdundo", undo.SD = 2.2, sbdry = boundary)
    if (method == "dnacopy") settings$weights <- 1 / bins$variance
    set.seed(1)
    before <- proc.time()
    found <- do.call(segment, settings)
    spent <- sum((proc.time() - before)[c("user.self", "sys.self")])
    stem <- sub("csv$", method, path)
    write(found$segRows$startRow - 1, paste0(stem, ".csv"), ncolumns = 1)
    cat(spent, "\n", file = paste0(stem, ".time"))
  }
}
