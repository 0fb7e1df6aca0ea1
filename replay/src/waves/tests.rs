use super::*;

const FILE: &str = include_str!("../../../data/adl_waves_2025-10-10.csv");

fn published() -> Vec<Wave> {
    compute(&read("waves.csv", FILE.as_bytes()).expect("rows")).expect("waves")
}

/// The file with one cell written anew; rows and columns from 0, the header not counted.
fn with(row: usize, column: &str, text: &str) -> String {
    let mut lines: Vec<Vec<&str>> = FILE.lines().map(|line| line.split(',').collect()).collect();
    let column = lines[0].iter().position(|name| *name == column);
    lines[row + 1][column.expect("column")] = text;
    let lines: Vec<String> = lines.iter().map(|cells| cells.join(",")).collect();
    lines.join("\n")
}

fn error_of(text: &str) -> String {
    format!(
        "{:#}",
        read("waves.csv", text.as_bytes()).expect_err("a bad file")
    )
}

fn waves_of(text: &str) -> Vec<Wave> {
    compute(&read("waves.csv", text.as_bytes()).expect("rows")).expect("waves")
}

#[test]
fn the_published_waves_are_reproduced() {
    let waves = published();
    let shown: Vec<(u64, String, String)> = waves
        .iter()
        .map(|wave| {
            (
                wave.wave,
                wave.needed.to_string(),
                wave.fraction.rounded(17),
            )
        })
        .collect();
    let expected = [
        (1, "2266239.82024108", "0.00867329682886033"),
        (2, "1383878.3247609977", "0.00657002926848833"),
        (4, "1065843.446131001", "0.00391166917524625"),
        (5, "115496.57833500004", "0.00046101476931520"),
        (7, "8055.871928000007", "0.16519978887644839"),
        (8, "1576039.2185530025", "0.00288083884132218"),
    ]
    .map(|(wave, needed, fraction)| (wave, needed.to_owned(), fraction.to_owned()));
    assert_eq!(shown, expected);
    for wave in &waves {
        assert_eq!(wave.budget, wave.needed);
        for check in &wave.checks {
            assert!(check.agrees, "wave {}: {check:?}", wave.wave);
            // Far under an atom: no tolerance hides a cent.
            assert!(check.rounding < Fixed::of_atoms(1), "{check:?}");
        }
    }
}

#[test]
fn the_engine_takes_the_fraction_of_every_winner_to_the_atom() {
    for wave in published() {
        let uniform = &wave.uniform;
        assert_eq!(uniform.carried, Fixed::ZERO);
        assert_eq!(
            uniform.charged.atoms().expect("atoms"),
            wave.needed.atoms().expect("atoms")
        );
        // The loss and the total in whole atoms move it in its eleventh digit at most.
        let apart = (uniform.fraction.0 - wave.fraction.0).abs();
        assert!(
            apart < wave.fraction.0 / 1_000_000_000,
            "wave {}",
            wave.wave
        );
        assert!(uniform.deviation_atoms <= 1, "wave {}", wave.wave);
        let over = uniform.taken.0 - uniform.charged.0;
        assert!(
            (0..=Fixed::of_atoms(WINNERS).0).contains(&over),
            "wave {}",
            wave.wave
        );
    }
}

#[test]
fn totals_keep_too_much_and_too_little_apart() {
    let all = totals(&published());
    assert_eq!(all.needed.to_string(), "6415553.259949081247");
    assert_eq!(all.queue.to_string(), "12458018.9943560561");
    assert_eq!((all.waves_too_much, all.waves_too_little), (2, 4));
    assert_eq!(all.too_much.rounded(2), "9839947.96");
    assert_eq!(all.too_little.rounded(2), "3797482.22");
    assert_eq!(
        all.too_much.0 - all.too_little.0,
        all.queue.0 - all.needed.0
    );
    assert_eq!((all.queue_worst, all.disagreements), (Fixed::ONE, 0));
    assert_eq!(all.fraction.percent(2), "16.52%");
    assert_eq!(totals(&[]), Totals::default());
}

#[test]
fn a_published_number_that_is_not_what_is_computed_is_reported() {
    let cases = [
        (
            "budget_pr",
            "1383878.3247619977",
            "1383878.3247609977",
            "0.000001",
        ),
        (
            "overshoot_prod",
            "-1212741.2212659847",
            "-1212741.22126498464",
            "-0.00000100006",
        ),
        (
            "max_pct_pr",
            "0.006570029268498327",
            "0.006570029268488327",
            "0.00000000000001",
        ),
    ];
    for (column, text, computed, difference) in cases {
        let waves = waves_of(&with(1, column, text));
        let found: Vec<(u64, &Check)> = disagreements(&waves)
            .map(|(wave, check)| (wave.wave, check))
            .collect();
        assert_eq!(found.len(), 1, "{column}");
        let (wave, check) = found[0];
        assert_eq!((wave, check.column), (2, column));
        assert_eq!(check.published.to_string(), text);
        assert!(
            check.computed.to_string().starts_with(&computed[..18]),
            "{check:?}"
        );
        // The fraction is cut in its 24th place.
        let known = check.difference.rounded(16);
        assert_eq!(known.trim_end_matches('0'), difference, "{check:?}");
        assert_eq!(totals(&waves).disagreements, 1);
        let notes = notes(&waves).join("\n");
        assert!(notes.contains("17 of 18 numbers are"), "{notes}");
        let sentence = format!("Wave 2: {column} is published as {text} and computed as ");
        assert!(notes.contains(&sentence), "{notes}");
    }
}

/// A file in cents says no more than cents: what they explain agrees, and a cent more does not.
#[test]
fn a_coarser_file_is_held_to_its_own_rounding() {
    let header = FILE.lines().next().expect("header");
    let row = |overshoot: &str, fraction: &str| {
        let text = format!(
            "{header}\n7,a,b,8055.87,8995.09,8055.87,{overshoot},0.034,{fraction},48764.42,1175.69,1175.69"
        );
        let waves = waves_of(&text);
        let wrong: Vec<&str> = disagreements(&waves)
            .map(|(_, check)| check.column)
            .collect();
        wrong.join(",")
    };
    assert_eq!(row("939.21", "0.165"), "");
    assert_eq!(row("939.23", "0.165"), "");
    assert_eq!(row("939.24", "0.165"), "overshoot_prod");
    assert_eq!(row("939.21", "0.166"), "max_pct_pr");
    // 8055.87 / 48764.42 is 0.165199…: the cents leave room in the seventh place, the published digits do not.
    assert_eq!(row("939.21", "0.1651997"), "");
    assert_eq!(row("939.21", "0.165201"), "max_pct_pr");
}

#[test]
fn a_loss_over_what_winners_have_takes_all_of_it_and_says_so() {
    let text = with(4, "total_cap", "8000.0");
    let waves = waves_of(&text);
    let wave = &waves[4];
    assert_eq!(
        (wave.fraction, wave.uniform.fraction),
        (Fixed::ONE, Fixed::ONE)
    );
    assert_eq!(wave.budget.to_string(), "8000");
    assert_eq!(wave.uniform.carried.to_string(), "55.871928");
    let wrong: Vec<&str> = disagreements(&waves)
        .map(|(_, check)| check.column)
        .collect();
    assert_eq!(wrong, ["budget_pr", "max_pct_pr"]);
    assert!(notes(&waves).contains(
        &"Wave 7: 55.871928 is more than all winners could give, and is carried.".to_owned()
    ));
}

#[test]
fn the_table_has_a_row_for_each_wave_and_one_for_all() {
    let table = table(&published());
    assert_eq!(table.rows.len(), 7);
    assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
    assert_eq!(
        table.rows[5],
        [
            "8",
            "2025-10-10 21:18:23",
            "1576039.22",
            "1576039.22",
            "11415047.96",
            "+9839008.74",
            "0.2881%",
            "100.0000%"
        ]
    );
    assert_eq!(
        table.rows[6],
        [
            "all",
            "",
            "6415553.26",
            "6415553.26",
            "12458018.99",
            "+9839947.96 -3797482.22",
            "16.5200%",
            "100.0000%"
        ]
    );
}

/// Of the recorded waves this is the seventh alone: its worst share is smaller than what was taken of everybody.
#[test]
fn columns_that_contradict_each_other_are_told() {
    let told = |text: &str| -> Vec<String> {
        let of_bases = |note: &String| note.starts_with("Wave ");
        notes(&waves_of(text))
            .into_iter()
            .filter(of_bases)
            .collect()
    };
    assert_eq!(
        told(FILE),
        [
            "Wave 7: the uniform rule takes 16.5200% of each, more than the 3.3793% published of the queue's worst hit.",
            "Wave 7: max_pct_prod is 3.3793%, but the queue took 18.4460% of total_cap: the worst hit cannot be below \
             all together, so the two are not of the same base and do not compare.",
        ]
    );
    assert_eq!(told(&with(4, "max_pct_prod", "0.2")), [""; 0]);
    assert_eq!(told(&with(4, "max_pct_prod", "0.1844591")), [""; 0]);
    assert_eq!(told(&with(4, "max_pct_prod", "0.17")).len(), 1);
}

#[test]
fn amounts_are_decimal_strings_in_json() {
    let json = serde_json::to_value(published()).expect("json");
    assert_eq!(json[0]["needed"], "2266239.82024108");
    assert_eq!(json[0]["checks"][2]["column"], "overshoot_prod");
    assert_eq!(json[0]["uniform"]["winners"], 1_000);
}

#[test]
fn a_bad_row_is_named_by_its_line() {
    let cases = [
        (
            "wave",
            "x",
            "waves.csv:4: column wave: \"x\" is not a number",
        ),
        (
            "wave",
            "2",
            "waves.csv:4: wave 2 does not come after wave 2",
        ),
        ("t_start", "", "waves.csv:4: column t_start: no time"),
        ("t_end", " ", "waves.csv:4: column t_end: no time"),
        (
            "budget_needed",
            "abc",
            "waves.csv:4: column budget_needed: \"abc\" is not a decimal number",
        ),
        (
            "budget_needed",
            "-1",
            "waves.csv:4: column budget_needed: -1 is below zero",
        ),
        (
            "budget_prod",
            "nan",
            "waves.csv:4: column budget_prod: \"nan\" is not a decimal number",
        ),
        (
            "budget_pr",
            "1e11",
            "waves.csv:4: column budget_pr: \"1e11\" is too large",
        ),
        (
            "overshoot_prod",
            "",
            "waves.csv:4: column overshoot_prod: \"\" is not a decimal number",
        ),
        (
            "max_pct_prod",
            "-0.1",
            "waves.csv:4: column max_pct_prod: -0.1 is below zero",
        ),
        (
            "max_pct_pr",
            "1e-25",
            "waves.csv:4: column max_pct_pr: \"1e-25\" has more than 24 decimal places",
        ),
        (
            "total_cap",
            "0.0",
            "waves.csv:4: column total_cap: \"0.0\" leaves nobody to take from",
        ),
        (
            "total_cap",
            "9e-7",
            "waves.csv:4: column total_cap: \"9e-7\" leaves nobody to take from",
        ),
        (
            "deficit_usd",
            "-5",
            "waves.csv:4: column deficit_usd: -5 is below zero",
        ),
        (
            "max_loss_usd",
            "?",
            "waves.csv:4: column max_loss_usd: \"?\" is not a decimal number",
        ),
        (
            "max_loss_usd",
            "1,2",
            "waves.csv:4: a row has 13 columns, not 12",
        ),
    ];
    for (column, text, expected) in cases {
        assert_eq!(
            error_of(&with(2, column, text)),
            expected,
            "{column} {text:?}"
        );
    }
}

#[test]
fn lines_count_as_an_editor_counts_them() {
    let bad = with(2, "wave", "x");
    for (text, line) in [
        (bad.replace('\n', "\r\n"), 4),
        (bad.replace("\n2,", "\n\n\n2,"), 6),
        (format!("\u{feff}{bad}"), 4),
    ] {
        assert_eq!(
            error_of(&text),
            format!("waves.csv:{line}: column wave: \"x\" is not a number")
        );
    }
    assert!(read("waves.csv", FILE.replace('\n', "\r\n").as_bytes()).is_ok());
}

#[test]
fn other_columns_an_empty_file_and_bytes_that_are_no_text_are_errors() {
    assert!(
        error_of("time,price\n1,2\n").starts_with("waves.csv:1: the columns must be wave,t_start")
    );
    let header = FILE.lines().next().expect("header");
    assert_eq!(error_of(header), "waves.csv: there are no waves");
    let row = FILE.lines().nth(1).and_then(|row| row.split_once(','));
    let row = row.expect("row").1;
    let rows = (1..=1_001).map(|wave| format!("\n{wave},{row}"));
    let many = format!("{header}{}", rows.collect::<String>());
    assert_eq!(error_of(&many), "waves.csv: there are more than 1000 waves");
    let bytes = [FILE.as_bytes(), b"\xff\xfe,"].concat();
    let error = read("waves.csv", &bytes[..]).expect_err("no text");
    assert!(
        error
            .to_string()
            .starts_with("waves.csv: the file cannot be read"),
        "{error:#}"
    );
}
