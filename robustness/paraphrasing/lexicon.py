"""Word lists for rule-based paraphrasing: synonyms, sentence frames, cues and field markers.

`grammar`, `template_parser` and `rule_based` apply them.
"""

SYNONYMS: dict[str, tuple[str, ...]] = {
    # Nouns for the input.
    "text": ("passage", "snippet", "excerpt", "piece of text", "extract"),
    "passage": ("text", "excerpt", "paragraph"),
    "sentence": ("line", "statement", "phrase", "piece of text"),
    "phrase": ("expression", "wording", "fragment", "remark"),
    "review": ("critique", "write-up", "comment", "appraisal"),
    "comment": ("remark", "note", "observation"),
    "message": ("post", "note", "line", "text message"),
    "chat": ("conversation", "online chat"),
    "story": ("tale", "account", "narrative", "short story"),
    "paragraph": ("passage", "text", "section"),
    "question": ("query", "inquiry", "request"),
    "input": ("text", "entry", "item"),
    "scene": ("situation", "episode"),
    "film": ("movie", "motion picture"),
    "movie": ("film", "motion picture"),
    "product": ("article", "purchase", "item"),
    "reviewer": ("critic", "author", "writer"),
    "author": ("writer", "person writing"),
    "writer": ("author", "person writing"),
    "speaker": ("person talking", "one who speaks"),
    # Nouns for what is asked.
    "answer": ("reply",),
    "response": ("reply", "answer"),
    "option": ("choice", "alternative", "candidate"),
    "options": ("choices", "alternatives", "candidates", "possibilities"),
    "choices": ("options", "alternatives", "candidates"),
    "choice": ("option", "alternative"),
    "category": ("class", "group", "heading"),
    "categories": ("classes", "groups", "headings"),
    "class": ("category", "group"),
    "label": ("tag", "category", "class"),
    "labels": ("tags", "categories", "classes"),
    "kind": ("type", "sort"),
    "type": ("kind", "sort"),
    "topic": ("subject", "theme", "subject matter"),
    "theme": ("topic", "subject"),
    "mood": ("emotional tone", "feeling", "emotional state"),
    "emotion": ("feeling", "emotional state"),
    "feeling": ("emotion", "mood"),
    "tone": ("attitude", "flavour"),
    "sentiment": ("attitude", "overall feeling", "judgement"),
    "attitude": ("stance", "sentiment"),
    "opinion": ("view", "personal judgement", "point of view"),
    "view": ("opinion", "stance"),
    "fact": ("plain statement", "factual statement"),
    "language": ("tongue",),
    "tense": ("time frame", "time"),
    "place": ("location", "spot"),
    "location": ("place", "spot", "whereabouts"),
    "object": ("item", "thing"),
    "thing": ("item", "object"),
    "item": ("thing", "object"),
    "colour": ("color", "hue", "shade"),
    "color": ("colour", "hue", "shade"),
    "person": ("individual", "character"),
    "people": ("persons", "individuals"),
    "character": ("person", "figure"),
    "food": ("dish", "meal"),
    "word": ("term",),
    "task": ("job", "exercise", "assignment"),
    "purpose": ("intention", "aim", "function"),
    "intent": ("intention", "purpose"),
    "list": ("set", "selection"),
    "event": ("happening", "occurrence"),
    # Verbs.
    "read": ("look at", "study", "go through", "examine"),
    "choose": ("pick", "select", "go for"),
    "pick": ("choose", "select", "take"),
    "select": ("choose", "pick"),
    "decide": ("determine", "judge", "settle", "work out"),
    "determine": ("work out", "establish", "find out", "decide"),
    "identify": ("recognise", "spot", "determine", "name"),
    "classify": ("categorise", "sort", "label"),
    "categorise": ("classify", "sort"),
    "categorize": ("classify", "sort"),
    "find": ("locate", "look up", "work out"),
    "respond": ("reply", "answer"),
    "reply": ("respond", "answer"),
    "consider": ("think about", "look at", "take"),
    "express": ("convey", "communicate", "voice"),
    "expresses": ("conveys", "communicates", "voices"),
    "expressed": ("conveyed", "communicated", "voiced"),
    "convey": ("express", "communicate"),
    "conveys": ("expresses", "communicates"),
    "conveyed": ("expressed", "communicated"),
    "describe": ("depict", "portray"),
    "describes": ("depicts", "portrays"),
    "described": ("depicted", "portrayed"),
    "mention": ("list", "bring up"),
    "mentions": ("lists", "brings up"),
    "happen": ("take place", "occur"),
    "happens": ("takes place", "occurs"),
    "carry": ("hold", "have"),
    "carries": ("holds", "has"),
    "carrying": ("holding",),
    "holding": ("carrying",),
    "gave": ("handed", "passed"),
    "handed": ("gave", "passed"),
    "belongs to": ("falls under", "goes with"),
    "belong to": ("fall under", "go with"),
    "is about": ("deals with", "concerns"),
    "refers to": ("is concerned with", "points to"),
    "written in": ("composed in", "put down in"),
    "asks for": ("wants", "calls for", "is looking for"),
    "asking for": ("after", "looking for"),
    "sounds": ("seems", "comes across as"),
    "shows": ("reveals", "displays"),
    "fits": ("suits", "matches", "applies to"),
    "matches": ("fits", "suits"),
    "using": ("by means of", "with"),
    "based on": ("going by", "judging from", "relying on"),
    "according to": ("going by", "judging from", "in view of"),
    # Adjectives, adverbs, connectives.
    "correct": ("right", "proper", "accurate"),
    "are given": ("get", "receive", "are shown"),
    "right now": ("at the moment", "now", "currently"),
    "best": ("most fitting", "most suitable", "most appropriate"),
    "appropriate": ("suitable", "fitting"),
    "short": ("brief", "little"),
    "overall": ("general", "on the whole"),
    "exactly": ("precisely", "just"),
    "only": ("just", "nothing but"),
    "carefully": ("attentively", "closely", "with care"),
    "mainly": ("mostly", "chiefly", "for the most part"),
    "one of": ("a single one of", "exactly one of"),
    "whether": ("if",),
    "also": ("as well",),
    "several": ("more than one", "multiple"),
    "at the moment": ("right now", "now", "currently"),
    "or rather": ("or instead", "or else"),
}
"""Word or phrase -> what may replace it in an instruction."""

FIXED: tuple[str, ...] = (
    "take place", "takes place", "took place", "find out", "work out", "chat room",
    "answer the question", "fits best", "look at", "look up", "asks for an answer",
    "given a question", "subject of the sentence",
    "kind of", "the rest",
)
"""Phrases whose words must not be replaced one by one."""

KNOWING_VERBS: tuple[str, ...] = (
    "say", "tell me", "determine", "work out", "find out", "indicate", "state", "figure out",
    "establish", "specify", "let me know", "report", "point out", "write down", "make clear",
)
"""Verbs that take an indirect question."""

DECIDING_VERBS: tuple[str, ...] = ("decide", "judge", "assess", "evaluate", "settle", "consider")
"""Verbs that also take `whether`."""

NAMING_VERBS: tuple[str, ...] = (
    "identify", "name", "give", "state", "determine", "specify", "recognise", "provide",
    "report", "find", "point out", "write down", "indicate", "predict", "work out",
)
"""Verbs whose object is what is asked for."""

CLASSIFYING_VERBS: dict[str, tuple[str, ...]] = {
    "as": ("classify", "label", "mark", "tag", "categorise", "annotate"),
    "by": ("classify", "sort", "categorise", "organise", "group"),
    "according to": ("classify", "sort", "categorise", "organise", "group"),
    "into": ("sort", "classify", "group", "put", "place"),
    "with": ("label", "tag", "mark", "annotate"),
    "to": ("assign", "match", "allocate"),
}
"""Preposition -> the verbs that go with it."""

OPENINGS: tuple[str, ...] = (
    "You are a careful reader.", "You are an experienced annotator.", "I need your help.",
    "Here is a small exercise.", "This is a reading exercise.", "You help people sort texts.",
    "Act as an attentive assistant.", "Quick task for you.", "Consider what is given here.",
    "Take a moment to think.", "Let us see how well you read.", "You are a language expert.",
    "We are labelling some data.", "Imagine that you are a teacher checking homework.",
    "This one is short.", "Pay attention to the details.", "Work on the item given here.",
)
"""Sentences that set a role or a scene and ask for nothing."""

REQUESTS: tuple[str, ...] = (
    "please {}", "could you {}?", "can you {}?", "would you {}?", "your task is to {}",
    "your job is to {}", "the goal is to {}", "i would like you to {}", "you have to {}",
    "you should {}", "we ask you to {}", "try to {}", "kindly {}", "the task here is to {}",
    "i want you to {}", "would you mind trying to {}?", "now {}", "you are asked to {}",
    "{}, please", "go ahead and {}",
)
"""Frames around an imperative without its end mark."""

ASIDES: tuple[str, ...] = (
    "in your opinion, {}", "going by what is written, {}", "judging from the wording, {}",
    "quick question: {}", "question: {}", "after reading, tell me this: {}", "so, {}",
    "now for the question: {}", "here is what I want to know: {}", "as far as you can tell, {}",
    "{} Answer as well as you can.", "{} Think before you reply.", "now then: {}",
)
"""Frames around a question."""

CUES: tuple[str, ...] = (
    "Answer:", "A:", "Response:", "Output:", "Your answer:", "Reply:", "Result:", "Solution:",
    "=>", "->", "The answer is", "The right answer is", "Final answer:", "My answer:",
    "Your choice:", "I would say", "Correct answer:", "It is", "Verdict:", "ANSWER:", "Ans.:",
    "Your reply:", "So the answer is", "In short:",
)
"""Cues that may end a prompt."""

LISTINGS: tuple[str, ...] = (
    "Options:", "Choices:", "Possible answers:", "Choose from:", "Pick one:", "Candidates:",
    "Available answers:", "Alternatives:", "Select one of these:", "Answer with one of:",
    "Your options are:", "The possibilities are:", "OPTIONS", "Take one of the following:",
    "Possible labels:", "Allowed replies:", "One of these is right:",
)
"""Headings of the list of options."""

MARKERS: dict[str, tuple[str, ...]] = {
    "text": ("Text", "Input", "Passage", "TEXT", "Snippet", "Excerpt", "Item", "Given", "Content"),
    "sentence": ("Sentence", "Text", "Input", "Line", "Item", "SENTENCE"),
    "story": ("Story", "Passage", "Text", "Context", "Background", "STORY", "Facts", "Account"),
    "context": ("Context", "Passage", "Background", "Text"),
    "passage": ("Passage", "Context", "Text", "Excerpt"),
    "question": ("Question", "Q", "Query", "QUESTION"),
    "review": ("Review", "Comment", "Text", "Critique", "Input"),
    "message": ("Message", "Text", "Line", "Post", "Input"),
}
"""Field or old marker -> markers that may introduce the field."""

LABEL_SETS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("positive", "negative"), ("favourable", "unfavourable"), ("good", "bad")),
    (("yes", "no"), ("true", "false"), ("right", "wrong")),
    (("opinion", "fact"), ("subjective", "objective")),
    (("pro", "con"), ("advantage", "disadvantage"), ("praise", "complaint")),
    (("happy", "sad", "angry", "calm"), ("joyful", "unhappy", "furious", "relaxed")),
)
"""Sets of label words with the same meaning, in the same order."""

DETERMINERS = frozenset(
    [
        "the", "this", "that", "these", "those", "a", "an", "each", "every", "our", "my", "your",
        "its", "their", "his", "her", "such",
    ]
)
MODIFIERS = frozenset(
    [
        "following", "given", "short", "next", "above", "below", "quoted", "named", "brief",
        "chat", "film", "movie", "product", "user", "user's", "customer", "main", "overall",
        "general", "whole", "entire", "present", "attached", "single", "written", "online",
        "correct", "right", "best", "most", "suitable", "fitting", "appropriate", "emotional",
        "first", "second", "last", "speaker's", "writer's", "author's", "little", "reviewer's",
        "english", "same", "mentioned", "underlying", "likely", "expected",
    ]
)
"""Words that may stand between a determiner and its noun."""

PAST: dict[str, str] = {
    "give": "gave", "eat": "ate", "have": "had", "hold": "held", "take": "took", "say": "said",
    "write": "wrote", "get": "got", "go": "went", "do": "did", "make": "made", "find": "found",
    "bring": "brought", "see": "saw", "tell": "told", "buy": "bought", "keep": "kept",
    "think": "thought", "feel": "felt", "mean": "meant", "receive": "received", "come": "came",
    "like": "liked", "mention": "mentioned", "carry": "carried", "want": "wanted", "ask": "asked",
    "hand": "handed", "happen": "happened", "use": "used", "show": "showed", "express": "expressed",
}
"""Past tenses: the irregular ones, and regular ones that instructions use."""

NOUN_OF_WH: dict[str, str] = {
    "where": "the place where {}", "who": "the person who {}", "whom": "the person whom {}",
    "when": "the time when {}", "why": "the reason why {}", "how": "the way in which {}",
}
"""Question word -> the noun phrase that asks the same."""

CLOZES: tuple[str, ...] = (
    "So {}", "Thus {}", "Therefore {}", "Complete the sentence: {}",
    "Finish this with one word: {}",
    "It is clear that {}", "We can say that {}", "Fill in what is missing: {}", "To sum up, {}",
    "From this we know that {}", "How does this go on? {}", "Continue: {}", "I believe that {}",
    "It follows that {}", "In other words, {}", "Put in the missing word: {}", "As a result, {}",
)
"""Frames around an unfinished sentence."""

PAIR_REQUESTS: tuple[str, ...] = (
    "Answer {} or {}.", "Reply with {} or {}.", "Say either {} or {}.", 'Write "{}" or "{}".',
    "Your answer must be {} or {}.", "Either {} or {}.", "Only {} or {} will do.", "({} / {})",
    "Respond with just {} or {}.", "The answer is {} or {}.", "Is it {} or {}?", "{} or {}?",
    "Choose between {} and {}.", "Put {} or {}.", "{}/{}?", "One of these two: {}, {}.",
)
"""Ways to ask for one of two label words."""

ONE_WORD: tuple[str, ...] = (
    "Reply in one word.", "One word is enough.", "Keep it to a single word.", "Use a single word.",
    "Just one word, please.", "Give one word only.", "No more than one word.", "Be brief.",
)
"""Ways to ask for a short answer."""

BY_LETTER: tuple[str, ...] = (
    "Answer with the letter.", "Give the letter only.", "Reply with a letter.",
    "The letter is enough.", "Write the letter of your choice.", "State which letter is right.",
    "Respond with one letter.", "Only the letter counts.",
)
"""Ways to ask for the option's letter."""

LETTER_CUES: tuple[str, ...] = (
    "Letter:", "The letter is", "Answer:", "Your letter:", "Answer (letter):", "Choice:", "=>",
    "The right letter is", "Option:", "A letter:",
)
"""Cues before a letter."""

ASKERS: tuple[str, ...] = (
    "{}", "{}", "{}", "{}", "Question: {}", "Task: {}", "Instruction: {}", "### Instruction\n{}",
    "Q: {}", "[Task] {}", "### Question\n{}", "TASK: {}", "To do: {}", "** {} **", "User: {}",
)
"""Layouts of the block with the request."""

FIELD_STYLES: tuple[str, ...] = (
    "{value}", "{value}", '"{value}"', "{marker}: {value}", "{marker}: {value}",
    "{marker}:\n{value}", "### {marker}\n{value}", "[{marker}] {value}", "**{marker}**: {value}",
    '{marker}: "{value}"', "{marker} = {value}", "{marker} - {value}", "> {value}",
    "<{lower}>{value}</{lower}>", "<<< {value} >>>", "({value})", "{marker} >> {value}",
)
"""Layouts of an input field; one is used throughout a template."""

BLOCK_SEPARATORS: tuple[str, ...] = ("\n", "\n", "\n\n", "\n\n", "\n---\n", "\n\n\n", "\n\n---\n\n")
"""Separators between the blocks of a template."""

SPLITS: tuple[str, ...] = (
    "If {a}, {verb} {x}; if {b}, {verb} {y}.", "{X} means that {a}, {y} that {b}.",
    "When {a}, the answer is {x}; when {b}, it is {y}.",
    "There are two answers: {x} (if {a}) and {y} (if {b}).",
    "{verb} {y} if {b}, but {verb} {x} if {a}.", "If {b}, it is {y}. If {a}, it is {x}.",
    "Use {x} in case {a}; use {y} in case {b}.",
)
"""Rewordings of `write x if a and y if b`."""
