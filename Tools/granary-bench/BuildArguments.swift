import ArgumentParser
import Granary

/// The knobs of building, for experiments.
struct BuildArguments: ParsableArguments {
    @Option(help: "Postings kept for each document.") var postings: Double?
    @Option(help: "Strongest components of each document that keep it in their lists.") var floor: Int?
    @Option(help: "A list's largest length, in average lengths.") var listCap: Double?
    @Option(help: "Centroids per posting.") var centroids: Double?
    @Option(help: "Clusters below this are dissolved.") var smallest: Int?
    @Option(help: "The share of the maximum in a summary.") var blend: Double?
    @Option(help: "The share of a summary's mass that is kept.") var energy: Double?
    @Option(help: "Queries of the calibration.") var calibration: Int?
    @Option(help: "Smaller segments are searched exactly.") var exactBelow: Int?
    @Option(help: "Segments of at least so many documents have blocks.") var blocksFrom: Int?

    var options: BuildOptions {
        var options = BuildOptions()
        options.postingsPerDocument = postings ?? options.postingsPerDocument
        options.postingsFloor = floor ?? options.postingsFloor
        options.listCap = listCap ?? options.listCap
        options.centroidFraction = centroids ?? options.centroidFraction
        options.smallestCluster = smallest ?? options.smallestCluster
        options.summaryBlend = blend ?? options.summaryBlend
        options.summaryEnergy = energy ?? options.summaryEnergy
        options.calibrationQueries = calibration ?? options.calibrationQueries
        options.exactBelow = exactBelow ?? options.exactBelow
        options.blocksFrom = blocksFrom ?? options.blocksFrom
        return options
    }
}
