//! An underwriter's desk as a part of the keeper's process: what it decides lands on chain and in the ledger.

use crate::stage::Stage;

const POLICY: &str = "
    look_seconds = 1
    caps = { extensions_a_day = 1, recalls_a_day = 1 }
    [[class]]
    name = 'everybody'
    [class.extend]
    before_seconds = 50000
    seconds = 3600
    times_a_call = 1
    times_a_month = 1
    total_seconds_max = 3600
    recovered_ppm_min = 0
    equity_ppm_min = 0
    drawn_ppm_max = 1000000
    concentration_ppm_max = 1000000
    [class.recall]
    volatility_ppm = 100000
    volatility_seconds = 3600
";

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_extends_a_call_and_recalls_a_line_with_the_underwriters_key() {
    let stage = Stage::start().await;
    // What it would do is said and not done.
    stage.dry_run_of_desk("dry", POLICY);
    assert!(stage.decided("dry").is_empty());
    let desk = stage.desk("desk", POLICY);

    // A fall of 7%: the farmer's line is drawn, which begins a call.
    stage.price(18_600);
    stage
        .until("the extension", async |stage| {
            let line = stage.line("farmer").await;
            line.call_opened_at != 0 && line.call_deadline == line.call_opened_at + 43_200 + 3_600
        })
        .await;
    assert_eq!(stage.line("farmer").await.recall_at, 0);

    // Ten and more in all.
    stage.price(17_900);
    stage
        .until("the recall", async |stage| {
            stage.line("farmer").await.recall_at != 0
        })
        .await;
    desk.stop();
    let expected = [("extend", "landed"), ("recall.volatility", "landed")];
    let expected = expected.map(|(rule, outcome)| (rule.to_owned(), outcome.to_owned()));
    assert_eq!(stage.decided("desk"), expected);
    let report = stage.report("desk");
    assert!(
        report.contains("extend_call") && report.contains("recall_line"),
        "{report}"
    );
    stage.assert_sound().await;
}
