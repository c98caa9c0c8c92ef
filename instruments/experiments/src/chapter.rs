//! The chapter on experiments, `docs/experiments.md`, and what it shows: each finding is a file of text and a plot in
//! `docs/experiments`, and the chapter quotes the text between two comments.
//!
//! ````text
//! <!-- experiments/split.txt -->
//! ```text
//! $ cargo xtask experiment split
//! ...
//! ```
//! <!-- end -->
//! ````
//!
//! What is told in words stands in paragraphs that begin with [`SEEN`]; their numbers have to be in the findings that
//! the same section quotes.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// What a paragraph begins with that tells of findings.
pub const SEEN: &str = "**Seen.**";

const CHAPTER: &str = "experiments.md";
const FOLDER: &str = "experiments";
const END: &str = "<!-- end -->";

/// What an experiment found, as the chapter shows it.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// The name of its files, such as `split`.
    pub name: &'a str,
    /// The command that repeats it.
    pub command: &'a str,
    /// What it printed in the end.
    pub text: &'a str,
    /// Whether what was promised was kept, in words.
    pub verdict: &'a str,
    /// The plot.
    pub svg: &'a str,
}

/// Writes a finding into the folder of documents: its two files, and the chapter's quotation.
///
/// # Errors
/// If the chapter has no place for it, or the files cannot be written.
pub fn write(docs: &Path, finding: &Finding<'_>) -> Result<()> {
    let chapter = docs.join(CHAPTER);
    let before = read(&chapter)?;
    let text = format!("$ {}\n\n{}\n\n{}\n", finding.command, finding.text.trim_end(), finding.verdict);
    let after = quoted(&before, finding.name, &text)?;
    let folder = docs.join(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let files = [
        (folder.join(format!("{}.txt", finding.name)), text.as_str()),
        (folder.join(format!("{}.svg", finding.name)), finding.svg),
        (chapter, after.as_str()),
    ];
    for (file, content) in files {
        std::fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// What in the chapter is not as in its files; nothing, if all is well.
///
/// # Errors
/// If something cannot be read.
pub fn differences(docs: &Path) -> Result<Vec<String>> {
    let chapter = read(&docs.join(CHAPTER))?;
    let folder = docs.join(FOLDER);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_text = path.extension().is_some_and(|extension| extension == "txt");
        if is_text && quoted(&chapter, &name, &read(&path)?).is_ok_and(|with| with == chapter) {
            continue;
        }
        let link = format!("{FOLDER}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if is_text || !chapter.contains(&format!("({link})")) {
            found.push(format!("{link}: the chapter does not show it as it is"));
        }
    }
    for section in chapter.split("\n### ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let mut measured = BTreeSet::new();
        for name in section.split(&format!("<!-- {FOLDER}/")).skip(1).filter_map(|rest| rest.split(".txt -->").next()) {
            measured.append(&mut numbers(&read(&folder.join(format!("{name}.txt")))?));
        }
        for paragraph in section.split("\n\n").filter(|paragraph| paragraph.starts_with(SEEN)) {
            let unknown = numbers(paragraph).difference(&measured).cloned().collect::<Vec<_>>().join(", ");
            if !unknown.is_empty() {
                found.push(format!("{title}: no finding has {unknown}"));
            }
        }
    }
    Ok(found)
}

/// The chapter with this text in its place.
fn quoted(chapter: &str, name: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- {FOLDER}/{name}.txt -->\n");
    let parts = chapter.split_once(&begin).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let Some((head, tail)) = parts else {
        bail!("{CHAPTER} has no place for {name}: give it the two lines\n{begin}{END}");
    };
    Ok(format!("{head}{begin}```text\n{text}```\n{END}{tail}"))
}

/// The numbers of a text, without commas between thousands.
fn numbers(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ',';
    let words = text.split(|letter: char| !is_part(letter)).map(|word| word.trim_matches(['.', ',']).replace(',', ""));
    words.filter(|word| !word.is_empty()).collect()
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_is_as_its_files() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        assert_eq!(differences(&docs).unwrap(), Vec::<String>::new(), "`cargo xtask experiment all --write docs`");
    }

    #[test]
    fn a_finding_takes_the_place_of_the_one_before_and_another_number_is_noticed() {
        let docs = std::env::temp_dir().join(format!("chapter-{}", std::process::id()));
        std::fs::create_dir_all(&docs).unwrap();
        let place = "# Title\n\n### split: x\n\n<!-- experiments/split.txt -->\n<!-- end -->\n\n";
        std::fs::write(docs.join(CHAPTER), format!("{place}![y](experiments/split.svg)\n\n{SEEN} 1,204 of 3.5.\n"))
            .unwrap();
        let finding =
            Finding { name: "split", command: "run it", text: "all 1204 3.5\n", verdict: "Kept.", svg: "<svg/>" };
        write(&docs, &finding).unwrap();
        write(&docs, &finding).unwrap();
        assert_eq!(differences(&docs).unwrap(), Vec::<String>::new());
        let chapter = std::fs::read_to_string(docs.join(CHAPTER)).unwrap();
        assert_eq!(chapter.matches("$ run it").count(), 1, "{chapter}");

        std::fs::write(docs.join(CHAPTER), chapter.replace("1,204 of", "1,205 of")).unwrap();
        assert_eq!(differences(&docs).unwrap(), ["split: x: no finding has 1205"]);
        std::fs::write(docs.join(CHAPTER), chapter.replace("all 1204", "all 1205")).unwrap();
        assert_eq!(differences(&docs).unwrap(), ["experiments/split.txt: the chapter does not show it as it is"]);
        std::fs::write(docs.join(CHAPTER), chapter.replace("(experiments", "(elsewhere")).unwrap();
        assert_eq!(differences(&docs).unwrap(), ["experiments/split.svg: the chapter does not show it as it is"]);
        assert!(
            write(&docs, &Finding { name: "other", ..finding }).unwrap_err().to_string().contains("no place for other")
        );
        std::fs::remove_dir_all(docs).unwrap();
    }
}
