//! Takes off what is wrapped around a whole answer: thoughts, the marks of chat templates, tags, escaped line breaks.

use std::borrow::Cow;

/// The answer without thoughts and without the control tokens of chat templates.
pub(super) fn without_wrapping(text: &str) -> Cow<'_, str> {
    const FINAL: &str = "<|channel|>final<|message|>";
    let text = text.rfind(FINAL).map_or(text, |at| &text[at + FINAL.len()..]).trim_start_matches('\u{feff}');
    match without_thoughts(text) {
        Cow::Borrowed(text) => with_line_breaks(without_template(text)),
        Cow::Owned(text) => Cow::Owned(with_line_breaks(without_template(&text)).into_owned()),
    }
}

const THOUGHTS: [&str; 10] = [
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reflection",
    "seed:think",
    "scratchpad",
    "analysis",
    "begin_of_thought",
];

/// The tag of a thought at the beginning of a text: its length, and how the thought ends.
fn thought(text: &str) -> Option<(usize, String)> {
    let (open, close) = [("<|", "|>"), ("<", ">"), ("[", "]"), ("◁", "▷")]
        .into_iter()
        .find(|(open, _)| text.starts_with(open))?;
    let inside = &text[open.len()..];
    let head = &inside[..inside.floor_char_boundary(32)];
    let (name, _) = head.split_once(close)?;
    let known = THOUGHTS.iter().any(|thought| thought.eq_ignore_ascii_case(name));
    // Brackets are only a tag in capitals: `[thinking]` can be a name.
    let sound = known && (open != "[" || name.chars().all(char::is_uppercase));
    let end = match open {
        "<|" => format!("<|{}|>", name.replace("begin", "end")),
        _ => format!("{open}/{name}{close}"),
    };
    sound.then(|| (open.len() + name.len() + close.len(), end))
}

fn without_thoughts(text: &str) -> Cow<'_, str> {
    // Some templates open the thoughts in the prompt, so that only their end is in the answer.
    let mut text = text;
    for (open, close) in [
        ("<think>", "</think>"),
        ("<thinking>", "</thinking>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
    ] {
        if let Some(at) = text.rfind(close).filter(|_| !text.contains(open)) {
            text = &text[at + close.len()..];
        }
    }
    let mut kept = String::new();
    let mut from = 0;
    let mut found = false;
    while let Some((start, (length, close))) = text[from..]
        .match_indices(['<', '[', '◁'])
        .filter(|(at, _)| {
            text[..from + at].trim_end_matches([' ', '\t']).ends_with('\n')
                || text[..from + at].trim().is_empty()
        })
        .find_map(|(at, _)| Some((from + at, thought(&text[from + at..])?)))
    {
        // A word before the first thought is talk.
        let before = &text[from..start];
        if found || before.trim().contains('\n') {
            kept.push_str(before);
        }
        found = true;
        let inside = start + length;
        from = text[inside..].find(&close).map_or(text.len(), |end| inside + end + close.len());
    }
    if found {
        kept.push_str(&text[from..]);
        Cow::Owned(kept)
    } else {
        Cow::Borrowed(text)
    }
}

/// Without what a chat template puts before and behind an answer, without a further turn that the model made up, and
/// without the tag around all of it.
fn without_template(text: &str) -> &str {
    const OPENINGS: [&str; 8] = [
        "<s>",
        "[/INST]",
        "<|im_start|>",
        "<|assistant|>",
        "<|start_header_id|>",
        "<start_of_turn>",
        "assistant:",
        "### response:",
    ];
    const ROLES: [&str; 3] = ["assistant<|end_header_id|>", "assistant\n", "model\n"];
    const ENDS: [&str; 6] =
        ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<|end_of_text|>", "<end_of_turn>", "<eos>"];
    let mut rest = text;
    let begins =
        |rest: &str, with: &str| rest.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    while let Some(opening) = OPENINGS.iter().find(|opening| begins(rest.trim_start(), opening)) {
        rest = &rest.trim_start()[opening.len()..];
        let role = ROLES.iter().find(|role| opening.starts_with('<') && begins(rest, role));
        rest = &rest[role.map_or(0, |role| role.len())..];
    }
    if let Some(at) = rest.find("[/INST]").filter(|_| rest.trim_start().starts_with("[INST]")) {
        rest = &rest[at + "[/INST]".len()..];
    }
    for end in ENDS {
        rest = rest.split(end).find(|part| !part.trim().is_empty()).unwrap_or(rest);
    }
    for user in ["\nUser:", "\nHuman:"] {
        if let Some((answer, turn)) = rest.split_once(user)
            && turn.contains("\nAssistant:")
        {
            rest = answer;
        }
    }
    loop {
        let end = rest.trim_end();
        let Some(shorter) =
            ["</s>", "<｜end▁of▁sentence｜>"].iter().find_map(|mark| end.strip_suffix(mark)).or_else(|| {
                let at = end.strip_suffix("|>")?.rfind("<|")?;
                (end.len() - at <= 32).then_some(&end[..at])
            })
        else {
            break;
        };
        rest = shorter;
    }
    without_tag(rest)
}

/// What the only `<answer>` holds, or a tag around the whole text.
fn without_tag(text: &str) -> &str {
    ["answer", "final_answer", "response", "output", "result"]
        .iter()
        .find_map(|tag| {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            let (before, inside) = text.split_once(&open)?;
            let (inside, after) = inside.split_once(&close)?;
            let around = before.trim().is_empty() && after.trim().is_empty();
            let only = !after.contains(&open) && (around || tag.ends_with("answer"));
            (only && !inside.trim().is_empty()).then_some(inside)
        })
        .unwrap_or(text)
}

/// Line breaks that were escaped once too often: `Louvre\nOrsay\nCluny` in one line.
fn with_line_breaks(text: &str) -> Cow<'_, str> {
    let body = text.trim();
    if body.matches("\\n").count() < 2 || body.contains('\n') || body.starts_with(['[', '{', '"']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(body.replace("\\r\\n", "\n").replace("\\n", "\n"))
}
