//! Rust source as words and signs, without comments, strings and attributes' texts: all that paths are found in.

/// A word, or one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Sign(char),
}

impl Token {
    /// Whether this is the word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }

    /// Whether this is the sign.
    pub(super) fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }
}

/// The tokens of a file.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut place = 0;
    while place < chars.len() {
        let c = at(place);
        if c == '/' && at(place + 1) == '/' {
            place = line_end(&chars, place);
        } else if c == '/' && at(place + 1) == '*' {
            place = comment_end(&chars, place);
        } else if c == '"' {
            place = string_end(&chars, place + 1);
        } else if c == '\'' {
            place = quote_end(&chars, place);
        } else if c.is_alphanumeric() || c == '_' {
            let end = (place..chars.len()).find(|place| !is_part_of_word(at(*place))).unwrap_or(chars.len());
            let word: String = chars[place..end].iter().collect();
            place = match raw_string_end(&chars, &word, end) {
                Some(end) => end,
                None => {
                    tokens.push(Token::Word(word));
                    end
                }
            };
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            place += 1;
        }
    }
    tokens
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_end(chars: &[char], from: usize) -> usize {
    (from..chars.len()).find(|place| chars[*place] == '\n').unwrap_or(chars.len())
}

/// Block comments may have others in them.
fn comment_end(chars: &[char], from: usize) -> usize {
    let (mut depth, mut place) = (0_usize, from);
    while place + 1 < chars.len() {
        match (chars[place], chars[place + 1]) {
            ('/', '*') => (depth, place) = (depth + 1, place + 2),
            ('*', '/') => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            return place;
        }
    }
    chars.len()
}

/// Where a string ends that began before `from`.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut place = from;
    while place < chars.len() {
        match chars[place] {
            '\\' => place += 2,
            '"' => return place + 1,
            _ => place += 1,
        }
    }
    chars.len()
}

/// Where a character ends; a lifetime is skipped with its name.
fn quote_end(chars: &[char], from: usize) -> usize {
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    if at(from + 1) == '\\' {
        let end = (from + 3..chars.len()).find(|place| at(*place) == '\'');
        return end.map_or(chars.len(), |end| end + 1);
    }
    if at(from + 2) == '\'' { from + 3 } else { from + 1 }
}

/// Where a raw string ends whose prefix is the word before `from`; none if it is no prefix.
fn raw_string_end(chars: &[char], word: &str, from: usize) -> Option<usize> {
    if !matches!(word, "r" | "br" | "cr") {
        return None;
    }
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let closes = |place: &usize| {
        chars[*place] == '"' && chars[*place + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let end = (from + hashes + 1..chars.len()).find(closes);
    Some(end.map_or(chars.len(), |end| end + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        let word = |token| if let Token::Word(word) = token { Some(word) } else { None };
        tokens(source).into_iter().filter_map(word).collect()
    }

    #[test]
    fn comments_strings_and_characters_are_left_out() {
        let source = r##"a // crate::x
            /* b /* c */ d */ e "f \" g" 'h' '\'' r#"i " j"# br"k" l<'m> '"' n"##;
        assert_eq!(words(source), ["a", "e", "l", "m", "n"]);
    }
}
