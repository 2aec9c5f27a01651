extension String {
    /// Text of a file, an index or a caller for people to read: in one line, as no command to a terminal, and
    /// up to a length. Programs get the text itself.
    package var shown: String {
        var shown = String.UnicodeScalarView()
        for scalar in unicodeScalars.prefix(Self.mostShown) {
            let properties = scalar.properties
            switch properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                shown.append(contentsOf: scalar.escaped)
            case .format where properties.isBidiControl: shown.append(contentsOf: scalar.escaped)
            default: shown.append(scalar)
            }
        }
        if unicodeScalars.dropFirst(Self.mostShown).first != nil { shown.append("…") }
        return String(shown)
    }

    /// Most scalars that are shown: more than the longest path of Linux has.
    private static let mostShown = 4200
}

extension Unicode.Scalar {
    fileprivate var escaped: String.UnicodeScalarView {
        "\\u{\(String(value, radix: 16))}".unicodeScalars
    }
}
