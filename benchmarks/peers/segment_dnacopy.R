# Segment bins by DNAcopy as conumee2 calls it, one sample after the other.
#
#     Rscript segment_dnacopy.R FOLDER
#
# Reads FOLDER/NUMBER.csv (chrom, start, log2, variance), writes FOLDER/NUMBER.dnacopy.csv (chrom,
# first and last bin counted from 1, mean) and FOLDER/NUMBER.dnacopy.time (processor seconds).
suppressPackageStartupMessages(library(DNAcopy))
folder <- commandArgs(trailingOnly = TRUE)[1]
for (path in sort(list.files(folder, "^[0-9]+\\.csv$", full.names = TRUE))) {
  bins <- read.csv(path, colClasses = c("character", "numeric", "numeric", "numeric"))
  set.seed(1)
  before <- proc.time()
  cna <- CNA(bins$log2, bins$chrom, bins$start, data.type = "logratio", sampleid = "s", presorted = TRUE)
  found <- segment(cna, weights = 1 / bins$variance, verbose = 0, alpha = 0.001, nperm = 50000,
                   min.width = 5, undo.splits = "sdundo", undo.SD = 2.2)
  spent <- sum((proc.time() - before)[c("user.self", "sys.self")])
  rows <- cbind(chrom = found$output$chrom, found$segRows, mean = found$output$seg.mean)
  write.csv(rows, sub("csv$", "dnacopy.csv", path), row.names = FALSE)
  cat(spent, "\n", file = sub("csv$", "dnacopy.time", path))
}
