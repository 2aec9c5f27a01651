import Foundation
import GranaryStorage
import Testing

/// A change of the order in which an index is committed, opened, backed up or removed, each of which leaves a
/// way to lose or damage one; and a story in which it shows.
enum CrashMutant: String, CaseIterable, CustomTestStringConvertible {
    // A step of a commit is left out.
    case dataFileUnsynced, deadFileUnsynced, manifestUnsynced, namesUnsynced, publicationUnsynced
    case parentUnsynced, directoriesUnsynced, nothingSynced
    // Two steps of a commit change places.
    case manifestSyncedAfterPublication, dataSyncedAfterPublication, namesSyncedAfterPublication
    case collectedBeforeDurable, acknowledgedBeforeDurable
    // Opening.
    case openingUnsynced, leftoversRemovedBeforeDurable, unreadableTakenForAbsent
    // Names that come twice.
    case dataNameReused, temporaryNameReused
    // Files that come from elsewhere and go elsewhere.
    case adoptedFileUnsynced, adoptedCopyUnsynced, backupPublishedFirst, backupCopyUnsynced
    case backupNamesUnsynced, backupPublicationUnsynced, backupParentUnsynced
    // Removing an index.
    case removedWithoutOrder

    var testDescription: String { rawValue }

    /// What becomes of calls.
    var rule: FaultyFileSystem.Rule {
        let publications = Tally()
        return { [self] call in effect(call, publications) }
    }

    private func effect(
        _ call: FaultyFileSystem.Call, _ publications: Tally
    ) -> FaultyFileSystem.Effect? {
        let isData = call.path.hasSuffix(".blocks") || call.path.hasSuffix(".summary")
        let isManifest = call.path.hasSuffix(".tmp")
        let isSync = call.kind == .sync
        let isOfDirectory = call.kind == .syncDirectory
        let isOfParent = isOfDirectory && call.path.hasSuffix("/..")
        let isOpening = isOfDirectory && call.previous == .lock
        let isPublication = isOfDirectory && !isOfParent && call.previousChange == .rename && !isOpening
        let isOfNames = isOfDirectory && !isOfParent && !isPublication && !isOpening
        if isPublication { publications.count() }
        let isInBackup = call.path.hasPrefix("/b")
        switch self {
        case .dataFileUnsynced: return isSync && isData ? .skip : nil
        case .deadFileUnsynced: return isSync && call.path.hasSuffix(".dead") ? .skip : nil
        case .manifestUnsynced: return isSync && isManifest ? .skip : nil
        case .namesUnsynced: return isOfNames ? .skip : nil
        case .publicationUnsynced: return isPublication ? .skip : nil
        case .parentUnsynced: return isOfParent ? .skip : nil
        case .directoriesUnsynced: return isOfDirectory ? .skip : nil
        case .nothingSynced: return isSync || isOfDirectory ? .skip : nil
        case .manifestSyncedAfterPublication: return isSync && isManifest ? .postpone(until: .rename) : nil
        case .dataSyncedAfterPublication: return isSync && isData ? .postpone(until: .rename) : nil
        case .namesSyncedAfterPublication: return isOfNames ? .postpone(until: .rename) : nil
        case .collectedBeforeDurable:
            // The first two generations have nothing to collect.
            return isPublication && publications.value > 2 ? .postpone(until: .unlink) : nil
        case .acknowledgedBeforeDurable: return isPublication ? .postpone(until: .create) : nil
        case .openingUnsynced: return isOpening ? .skip : nil
        case .leftoversRemovedBeforeDurable: return isOpening ? .postpone(until: .unlink) : nil
        case .unreadableTakenForAbsent:
            let isPrevious = call.kind == .openForReading && call.path.hasSuffix(Manifest.fileName(2))
            return isPrevious ? .fail(ENOENT) : nil
        case .dataNameReused, .temporaryNameReused: return nil
        case .adoptedFileUnsynced: return isSync && call.previousChange == .link ? .skip : nil
        case .adoptedCopyUnsynced:
            return isSync && isData && call.path.hasPrefix("/d") && call.previousChange == .write
                ? .skip : nil
        case .backupPublishedFirst:
            return isInBackup && (isSync || isOfNames) ? .postpone(until: .rename) : nil
        case .backupCopyUnsynced: return isInBackup && isSync && isData ? .skip : nil
        case .backupNamesUnsynced: return isInBackup && isOfNames ? .skip : nil
        case .backupPublicationUnsynced: return isInBackup && isPublication ? .skip : nil
        case .backupParentUnsynced: return isInBackup && isOfParent ? .skip : nil
        case .removedWithoutOrder: return isOfDirectory && call.previousChange == .unlink ? .skip : nil
        }
    }

    /// Which names come twice.
    var reuse: ReusingFileSystem.Reuse? {
        switch self {
        case .dataNameReused: .dataFiles
        case .temporaryNameReused: .temporaryFiles
        default: nil
        }
    }

    /// A story in which nothing goes wrong without the mutant.
    func run(_ work: CrashWorkload) throws {
        let name =
            switch self {
            case .deadFileUnsynced: "deletes only"
            case .collectedBeforeDurable: "a merge that takes the place of its inputs"
            case .openingUnsynced, .leftoversRemovedBeforeDurable:
                "a writer that dies after its rename and before its sync"
            case .unreadableTakenForAbsent: "an opening that cannot read the generation before"
            case .adoptedFileUnsynced: "segments of an index that nobody has made durable"
            case .adoptedCopyUnsynced: "segments of another index by copies"
            case .backupPublishedFirst, .backupCopyUnsynced, .backupNamesUnsynced, .backupPublicationUnsynced:
                "a verified backup"
            case .backupParentUnsynced: "a backup by links while commits go on"
            case .removedWithoutOrder: "an index that is removed"
            case .dataNameReused: "a segment that follows a merge"
            default: "several commits"
            }
        let script = try #require(CrashScript.all.first { $0.name == name })
        try script.run(work)
    }
}
