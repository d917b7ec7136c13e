//! Answers in lines as models give them. Expected items are separated by ` / `.

pub(super) const LISTS: &[(&str, &str)] = &[
    // Numbering.
    ("1. Eiffel Tower\n2. Louvre Museum\n3. Notre-Dame", "Eiffel Tower / Louvre Museum / Notre-Dame"),
    ("1) Eiffel Tower\n2) Louvre", "Eiffel Tower / Louvre"),
    ("(1) Eiffel Tower\n(2) Louvre", "Eiffel Tower / Louvre"),
    ("#1 Eiffel Tower\n#2 Louvre\n#3 Orsay", "Eiffel Tower / Louvre / Orsay"),
    ("1: Louvre\n2: Orsay\n3: Pompidou", "Louvre / Orsay / Pompidou"),
    ("1 - Louvre\n2 - Orsay\n3 - Pompidou", "Louvre / Orsay / Pompidou"),
    ("1.Louvre\n2.Orsay\n3.Pompidou", "Louvre / Orsay / Pompidou"),
    ("1\\. Louvre\n2\\. Orsay", "Louvre / Orsay"),
    ("01. Louvre\n02. Orsay\n03. Pompidou", "Louvre / Orsay / Pompidou"),
    (" 9. Louvre\n10. Orsay\n11. Pompidou", "Louvre / Orsay / Pompidou"),
    ("3. Louvre\n2. Orsay\n1. Pompidou", "Louvre / Orsay / Pompidou"),
    ("1. Louvre\n1. Orsay\n1. Pompidou", "Louvre / Orsay / Pompidou"),
    ("51. Louvre\n52. Orsay\n53. Pompidou", "Louvre / Orsay / Pompidou"),
    ("Item 1: Louvre\nItem 2: Orsay\nItem 3: Pompidou", "Louvre / Orsay / Pompidou"),
    ("1️⃣ Louvre\n2️⃣ Orsay", "Louvre / Orsay"),
    ("1、故宫\n2、长城\n3、天坛", "故宫 / 长城 / 天坛"),
    ("1. Louvre 2. Orsay 3. Pompidou", "Louvre / Orsay / Pompidou"),
    ("1. Louvre", "Louvre"),
    ("Louvre\n2. Orsay\n3. Pompidou\n4. Cluny", "Orsay / Pompidou / Cluny"),
    // Names that begin with numbers.
    ("1984\nAnimal Farm\nBrave New World", "1984 / Animal Farm / Brave New World"),
    ("1. 1984\n2. Animal Farm", "1984 / Animal Farm"),
    ("1. 2001: A Space Odyssey\n2. 12 Angry Men\n3. 7-Zip", "2001: A Space Odyssey / 12 Angry Men / 7-Zip"),
    (
        "2001 A Space Odyssey\n7-Zip\n3D printing\n100 Years of Solitude\n(500) Days of Summer",
        "2001 A Space Odyssey / 7-Zip / 3D printing / 100 Years of Solitude / (500) Days of Summer",
    ),
    ("- *1984* – George Orwell's dystopia\n- *Dune* – desert planets", "1984 / Dune"),
    (
        "- 1. FC Köln\n- Bayern München\n- 1. FC Nürnberg\n- Hamburger SV",
        "1. FC Köln / Bayern München / 1. FC Nürnberg / Hamburger SV",
    ),
    ("1. 1. FC Köln\n2. Bayern München\n3. 1. FC Nürnberg", "1. FC Köln / Bayern München / 1. FC Nürnberg"),
    ("- 1. Louvre\n- 2. Orsay\n- 3. Pompidou", "Louvre / Orsay / Pompidou"),
    (
        "- 1. Bundesliga\n- 2. Bundesliga\n- Premier League\n- La Liga",
        "1. Bundesliga / 2. Bundesliga / Premier League / La Liga",
    ),
    // Bullets.
    ("- Louvre\n- Orsay", "Louvre / Orsay"),
    ("* Louvre\n* Orsay", "Louvre / Orsay"),
    ("• Louvre\n•Orsay", "Louvre / Orsay"),
    ("– Louvre\n— Orsay", "Louvre / Orsay"),
    ("-Louvre\n-Orsay", "Louvre / Orsay"),
    ("- [ ] Louvre\n- [x] Orsay", "Louvre / Orsay"),
    ("-5\n-10\n0", "-5 / -10 / 0"),
    ("--help\n--version\n-v", "--help / --version / -v"),
    ("✅ Louvre\n✅ Orsay", "Louvre / Orsay"),
    ("> - Louvre\n> - Orsay", "Louvre / Orsay"),
    // Markdown and quotes.
    ("1. **Louvre** - art museum\n2. **Orsay** - impressionists", "Louvre / Orsay"),
    (
        "**1. Louvre**\nThe largest art museum in the world, on the right bank.\n\n**2. Orsay**\nImpressionist art in a former railway station.",
        "Louvre / Orsay",
    ),
    ("- **Louvre:** The world's largest art museum.\n- **Orsay:** Impressionists.", "Louvre / Orsay"),
    ("- **Dune: Part Two** - a film\n- **Alien** (1979) - horror in space", "Dune: Part Two / Alien (1979)"),
    ("- _Louvre_\n- `Orsay`\n- \"Pompidou\"\n- “Cluny”", "Louvre / Orsay / Pompidou / Cluny"),
    ("- `__init__`\n- `__repr__`\n- __str__", "__init__ / __repr__ / __str__"),
    ("- [Louvre](https://louvre.fr)\n- [Orsay](https://orsay.fr) - paintings", "Louvre / Orsay"),
    ("- **[Louvre](https://louvre.fr)**: art[1]\n- Orsay [2]", "Louvre / Orsay"),
    ("- **Louvre** Museum\n- **7**-Zip\n- **Node**.js", "Louvre Museum / 7-Zip / Node.js"),
    ("\"Louvre\",\n\"Orsay\",\n\"Pompidou\"", "Louvre / Orsay / Pompidou"),
    (
        "1. \"Hamlet\" by William Shakespeare\n2. \"Faust\" by Goethe",
        "\"Hamlet\" by William Shakespeare / \"Faust\" by Goethe",
    ),
    ("```\nLouvre\nOrsay\n```", "Louvre / Orsay"),
    ("Here you go:\n```text\n1. Louvre\n2. Orsay\n```\nLet me know if you want more!", "Louvre / Orsay"),
    ("<ul>\n<li>Louvre</li>\n<li>Orsay</li>\n</ul>", "Louvre / Orsay"),
    ("- <script>\n- <div>\n- <title>", "<script> / <div> / <title>"),
    ("C\nC++\nC#\nF#", "C / C++ / C# / F#"),
    // Descriptions.
    ("Louvre - the largest museum\nOrsay - impressionists\nPompidou", "Louvre / Orsay / Pompidou"),
    (
        "Louvre: Art museum\nEiffel Tower: an iron tower built in 1889\nOrsay: a museum of impressionist paintings",
        "Louvre / Eiffel Tower / Orsay",
    ),
    ("1. Louvre – Art museum\n2. Orsay – Art museum\n3. Cluny — Middle Ages", "Louvre / Orsay / Cluny"),
    (
        "Dune: Part Two\nMad Max: Fury Road\nStar Wars: The Empire Strikes Back",
        "Dune: Part Two / Mad Max: Fury Road / Star Wars: The Empire Strikes Back",
    ),
    (
        "1. The Lord of the Rings: The Fellowship of the Ring\n2. Alien",
        "The Lord of the Rings: The Fellowship of the Ring / Alien",
    ),
    (
        "Star Wars - A New Hope\nStar Wars - The Phantom Menace\nStar Wars - Return of the Jedi",
        "Star Wars - A New Hope / Star Wars - The Phantom Menace / Star Wars - Return of the Jedi",
    ),
    ("- Louvre—the world's largest art museum\n- Orsay", "Louvre / Orsay"),
    (
        "1. Louvre\n   - Location: Paris\n   - Opened: 1793\n2. Orsay\n   - Location: Paris\n   - Opened: 1986",
        "Louvre / Orsay",
    ),
    ("1. Eiffel Tower\n   - An iconic iron tower\n2. Louvre\n   - The art museum", "Eiffel Tower / Louvre"),
    ("Apple Inc.\nThe Louvre.\nU.S.", "Apple Inc. / The Louvre / U.S."),
    // Headings and groups.
    ("## Museums\n- Louvre\n- Orsay\n\n## Parks\n- Tuileries", "Louvre / Orsay / Tuileries"),
    (
        "**Museums:**\n1. Louvre\n2. Orsay\n**Parks:**\n1. Tuileries\n2. Monceau",
        "Louvre / Orsay / Tuileries / Monceau",
    ),
    (
        "- Museums\n  - Louvre\n  - Orsay\n- Parks\n  - Tuileries\n  - Monceau",
        "Louvre / Orsay / Tuileries / Monceau",
    ),
    (
        "1. **Museums**\n- Louvre\n- Orsay\n2. **Parks**\n- Tuileries\n- Monceau",
        "Louvre / Orsay / Tuileries / Monceau",
    ),
    ("Museums:\nLouvre\nOrsay\n\nParks:\nTuileries", "Louvre / Orsay / Tuileries"),
    (
        "### 1. The Louvre\nIt is the largest art museum in the whole world.\n### 2. Musée d'Orsay\nIt shows impressionist art in a former railway station.",
        "The Louvre / Musée d'Orsay",
    ),
    (
        "### Louvre\nIt is the largest art museum in the whole world.\n### Orsay\nIt shows impressionist art in a former railway station.",
        "Louvre / Orsay",
    ),
    // Talk.
    (
        "Sure! Here are 3 Paris attractions:\n\n1. Louvre\n2. Orsay\n3. Pompidou\n\nLet me know if you'd like more!",
        "Louvre / Orsay / Pompidou",
    ),
    ("Certainly! Here is a list of attractions:\nLouvre\nOrsay\n\nI hope this helps!", "Louvre / Orsay"),
    (
        "Here's a list of unique attractions in Paris\n\n- Louvre\n- Orsay\n- and many more...",
        "Louvre / Orsay",
    ),
    (
        "Great Expectations\nSure Thing\nHere Comes the Sun\nI Can't Get No Satisfaction",
        "Great Expectations / Sure Thing / Here Comes the Sun / I Can't Get No Satisfaction",
    ),
    (
        "What is your greatest strength and how do you use it?\nWhy should we hire you instead of somebody else today?\nWhere do you see yourself in the next five years?",
        "What is your greatest strength and how do you use it? / Why should we hire you instead of somebody else today? / Where do you see yourself in the next five years?",
    ),
    (
        "1. I'm sorry, Dave. I'm afraid I can't do that.\n2. Here's looking at you, kid.",
        "I'm sorry, Dave. I'm afraid I can't do that. / Here's looking at you, kid.",
    ),
    (
        "<think>\nThe user wants a list.\n1. Maybe Versailles\n</think>\n\n1. Louvre\n2. Orsay",
        "Louvre / Orsay",
    ),
    ("I should list museums.\n</think>\nLouvre\nOrsay", "Louvre / Orsay"),
    (
        "<|channel|>analysis<|message|>List them.<|end|><|start|>assistant<|channel|>final<|message|>- Louvre\n- Orsay<|return|>",
        "Louvre / Orsay",
    ),
    ("Louvre\nOrsay</s>", "Louvre / Orsay"),
    // Placeholders and the topic.
    ("1. Item 1\n2. [Item 2]\n3. <name>\n4. Louvre\n5. ...\n6. etc.", "Louvre"),
    ("Paris attractions\nLouvre\n**Paris Attractions:**\nOrsay", "Louvre / Orsay"),
    // One line.
    ("Louvre, Orsay, Pompidou, and Cluny.", "Louvre / Orsay / Pompidou / Cluny"),
    ("Here are some attractions: Louvre, Orsay, Pompidou", "Louvre / Orsay / Pompidou"),
    ("Louvre; Paris, Texas; Orsay", "Louvre / Paris, Texas / Orsay"),
    ("故宫、长城、天坛", "故宫 / 长城 / 天坛"),
    ("Paris, Texas", "Paris, Texas"),
    (
        "The Good, the Bad and the Ugly\nLock, Stock and Two Smoking Barrels",
        "The Good, the Bad and the Ugly / Lock, Stock and Two Smoking Barrels",
    ),
    ("Louvre\r\nOrsay\r\n", "Louvre / Orsay"),
    ("Louvre\n louvre \nThe Louvre\nOrsay", "Louvre / Orsay"),
    // Tables.
    (
        "| # | Name | City |\n|---|---|---|\n| 1 | Louvre | Paris |\n| 2 | **Orsay** | Paris |",
        "Louvre / Orsay",
    ),
    (
        "Here is a table:\n\nAttraction | Type\n--- | ---\nLouvre | Museum\nTuileries | Park\n\nEnjoy your stay in the city!",
        "Louvre / Tuileries",
    ),
    ("| Category | Attraction |\n|:--|:--|\n| Museum | Louvre |\n| Park | Tuileries |", "Louvre / Tuileries"),
    // Whole answers.
    (
        "Here are 20 attractions in Paris:\n\n**Iconic Landmarks:**\n\n*   **Eiffel Tower:** A wrought-iron lattice tower.\n*   **Arc de Triomphe:** Honors those who fought for France.\n\n**Museums:**\n\n*   **Louvre Museum:** Home to the Mona Lisa.\n\nThis is just a small selection, there is much more to see.",
        "Eiffel Tower / Arc de Triomphe / Louvre Museum",
    ),
    (
        "# Paris Attractions\n\n## Museums\n1. Louvre\n2. Orsay\n\n## Parks\n3. Tuileries\n4. Monceau",
        "Louvre / Orsay / Tuileries / Monceau",
    ),
    (
        "Eiffel Tower\n\nLouvre Museum\n\nArc de Triomphe\n\n",
        "Eiffel Tower / Louvre Museum / Arc de Triomphe",
    ),
    (
        "1. The Matrix (1999) - directed by the Wachowskis\n2. Alien (1979) - directed by Ridley Scott",
        "The Matrix (1999) / Alien (1979)",
    ),
    (
        "Sure, here are 3 attractions for you:\n\n1. Louvre\n2. Orsay\n3. Cluny\n\nThese are just a few of the many attractions in Paris.\nTotal: 3",
        "Louvre / Orsay / Cluny",
    ),
    ("Louvre\nOrsay\nNote: some of them may be closed on Mondays.", "Louvre / Orsay"),
    ("**1.** Louvre\n**2.** Orsay\n**3.** Cluny", "Louvre / Orsay / Cluny"),
    ("A) Louvre\nB) Orsay\nC) Cluny", "Louvre / Orsay / Cluny"),
    ("a. Louvre\nb. Orsay\nc. Cluny", "Louvre / Orsay / Cluny"),
    ("J. R. R. Tolkien\nA. A. Milne\nC. S. Lewis", "J. R. R. Tolkien / A. A. Milne / C. S. Lewis"),
    (
        "Museums: Louvre, Orsay, Cluny\nParks: Tuileries, Monceau, and Luxembourg",
        "Louvre / Orsay / Cluny / Tuileries / Monceau / Luxembourg",
    ),
    (
        "- **Museums**: Louvre, Orsay, Cluny\n- **Parks:** Tuileries, Monceau, Luxembourg",
        "Louvre / Orsay / Cluny / Tuileries / Monceau / Luxembourg",
    ),
    ("- Louvre: large, old, famous\n- Orsay: small, new, pretty", "Louvre / Orsay"),
    (
        "Lyon, Nice, Lille, Brest\nParis, Nantes, Metz, Toulouse",
        "Lyon / Nice / Lille / Brest / Paris / Nantes / Metz / Toulouse",
    ),
    (
        "1. What is your name?\n2. Where do you live?\n3. Sure!",
        "What is your name? / Where do you live? / Sure!",
    ),
    (
        "Here's the continuation:\n\n51. Musée Rodin\n52. Musée Picasso\n\nWould you like me to continue with more?",
        "Musée Rodin / Musée Picasso",
    ),
    (
        "| Rank | City |\n| --- | --- |\n| 1 | Paris |\n| 2 | Lyon |\n\nLet me know if you'd like more.",
        "Paris / Lyon",
    ),
    (
        "1. Ada Lovelace, 36, mathematician\n2. Alan Turing, 41, computer scientist",
        "Ada Lovelace, 36, mathematician / Alan Turing, 41, computer scientist",
    ),
    (
        "* Waterproof\n* Battery life: 10 hours\n* Weight: 200 g",
        "Waterproof / Battery life: 10 hours / Weight: 200 g",
    ),
    ("Red\nGreen\nBlue\n(and so on)", "Red / Green / Blue"),
];
