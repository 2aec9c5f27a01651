extension JSONScanner {
    /// Takes the name of a member and its colon; the value follows.
    ///
    /// - Returns: the name, and where it stands with its quotes.
    mutating func memberHead() throws(GranaryError) -> (name: String, place: Range<Int>) {
        _ = peek()
        let start = position
        let name = try string("a name in quotes")
        let place = start..<position
        try expect(UInt8(ascii: ":"), "a colon after \"\(name)\"")
        return (name, place)
    }
}
