//! Tables of text.

/// Lines with a head, the first column to the left, the others to the right.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  ");
    let body: String = rows.iter().map(|row| line(row.iter().map(String::as_str).collect())).collect();
    format!("{}{rule}\n{body}", line(head.to_vec()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_aligned() {
        let shown = super::table(&["consumer", "n"], &[vec!["c1".into(), "10".into()], vec!["c2".into(), "9".into()]]);
        assert_eq!(shown, "consumer   n\n--------  --\nc1        10\nc2         9\n");
    }
}
