// Columns of text, as wide as their widest cell. Names and addresses are ASCII, so a character is a
// column. What stands in a cell may come from a log or a foreign process: it never leaves its line.

import Base

/// A table for people.
struct Table {
    /// One cell.
    struct Cell: ExpressibleByStringLiteral {
        let text: String
        let style: Style

        init(_ text: String, _ style: Style = .plain) {
            self.text = text.printable
            self.style = style
        }

        init(stringLiteral value: String) {
            self.init(value)
        }

        /// A cell that shows a state in its colour.
        static func state(_ state: String) -> Cell { Cell(state, Style(state: state)) }
    }

    private let titles: [String]
    /// The columns with numbers, which stand right.
    private let numeric: Set<Int>
    private var rows: [Row] = []

    private enum Row {
        case cells([Cell])
        /// A line of its own, which makes no column wider.
        case note(String)
    }

    /// - Parameter titles: one a column; a title that ends in `#` (not shown) marks a column of
    ///   numbers.
    init(_ titles: String...) {
        self.titles = titles.map { $0.hasSuffix("#") ? String($0.dropLast()) : $0 }
        numeric = Set(titles.indices.filter { titles[$0].hasSuffix("#") })
    }

    /// Adds a row. Missing cells are empty.
    mutating func add(_ cells: Cell...) {
        invariant(cells.count <= titles.count, "a row of \(cells.count) cells is too wide")
        rows.append(.cells(cells))
    }

    /// Adds a line about the row above.
    mutating func addNote(_ text: String) {
        rows.append(.note(text.printable))
    }

    /// The lines, each indented by two columns, without spaces at their ends.
    func lines(colour: Bool) -> [String] {
        let header = titles.map { Cell($0, .heading) }
        let all = [.cells(header)] + rows
        let widths = titles.indices.map { column in
            all.map { row in
                guard case .cells(let cells) = row, column < cells.count else { return 0 }
                return cells[column].text.count
            }.max() ?? 0
        }
        return all.map { row in
            switch row {
            case .cells(let cells): line(of: cells, widths: widths, colour: colour)
            case .note(let text): "    \(text)"
            }
        }
    }

    private func line(of cells: [Cell], widths: [Int], colour: Bool) -> String {
        var line = ""
        var pendingSpaces = 2
        for (column, cell) in cells.enumerated() {
            let missing = widths[column] - cell.text.count
            if numeric.contains(column) { pendingSpaces += missing }
            if !cell.text.isEmpty {
                line += String(repeating: " ", count: pendingSpaces)
                line += colour ? cell.style.applied(to: cell.text) : cell.text
                pendingSpaces = 0
            } else {
                pendingSpaces += cell.text.count
            }
            pendingSpaces += 2 + (numeric.contains(column) ? 0 : missing)
        }
        return line
    }
}
