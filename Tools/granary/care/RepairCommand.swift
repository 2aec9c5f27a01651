import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary repair`.
struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Says what is wrong with an index and what could be kept; keeps that when told to.",
        discussion: """
            Reads and checks every byte; nobody else can write meanwhile, and it fails while somebody does. \
            Without --apply nothing is changed: it prints what a repair would drop, and ends with 1 when \
            something is wrong. With --apply it does exactly that, as a new generation, and ends with 0. \
            What is dropped is lost: make a copy of the directory first, or restore a backup instead.

            EXAMPLE
              granary repair --index articles.index --ids lost.txt
              granary repair --index articles.index --apply
            """)

    @OptionGroup var index: IndexOption
    @Flag(help: "Repairs.")
    var apply = false
    @Option(
        help: ArgumentHelp(
            "Writes the ids of documents that are dropped, one a line, as far as they can be read.",
            valueName: "file"))
    var ids: String?
    @OptionGroup var json: JSONOption

    func run() throws {
        let plan = try Interrupts.during { (cancellation, bar) throws(GranaryError) in
            try Index.repairPlan(
                at: index.path, progress: { bar.report($0) }, cancellation: cancellation)
        }
        if let ids { try write(plan, to: ids) }
        let generation = apply ? try Index.repair(plan) : plan.newestGeneration
        let isRepaired = apply && !plan.isSound
        try json.write { line in
            line = self.line(plan, isRepaired: isRepaired, generation: generation)
        } orText: {
            plan.description + (isRepaired ? "\nrepaired: generation \(generation)" : "")
        }
        if !plan.isSound, !apply { Foundation.exit(1) }
    }

    private func write(_ plan: RepairPlan, to path: String) throws(GranaryError) {
        let file = try OutputFile(path)
        for segment in plan.lost {
            guard let ids = plan.ids(of: segment) else {
                warn("the ids of segment \(segment.id) cannot be read")
                continue
            }
            for id in ids {
                let name = id.description
                if name.contains(where: \.isNewline) {
                    warn("an id of segment \(segment.id) is no line and not in the list: \"\(name.shown)\"")
                } else {
                    try file.write(name + "\n")
                }
            }
        }
        try file.finish()
    }

    private func line(_ plan: RepairPlan, isRepaired: Bool, generation: UInt64) -> JSONLine {
        func segment(_ id: String, _ documents: Int, _ reason: GranaryError) -> JSONLine {
            var line = JSONLine()
            line.add("id", id)
            line.add("documents", documents)
            line.add("reason", reason.description)
            return line
        }
        var line = JSONLine()
        line.add("sound", plan.isSound)
        line.add("repaired", isRepaired)
        line.add("generation", generation)
        line.add("base", plan.baseGeneration)
        line.add("manifest", plan.manifestDamage?.description)
        line.add("lost", plan.lost.map { segment($0.id, $0.documents, $0.reason) })
        line.add("revived", plan.revived.map { segment($0.id, $0.documents, $0.reason) })
        line.add("documents", plan.documents)
        return line
    }
}
