//! `top`: a running keeper in the terminal, from its `/metrics`, its `/readyz` and its ledger. It only looks.

mod figures;
mod view;

#[cfg(test)]
mod tests;

pub use figures::Figures;
pub use view::{draw, View};

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::Terminal;

use crate::ledger;

/// Seconds of the ledger that are shown.
const HOUR: u64 = 3_600;
/// Longest that an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Which keeper is looked at.
#[derive(Debug)]
pub struct Top<'a> {
    /// Address and port of its server.
    pub address: String,
    pub ledger: &'a Path,
    /// Between two looks.
    pub interval: Duration,
}

impl Top<'_> {
    /// Looks until `q`.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub async fn run(&self) -> Result<()> {
        let client = client()?;
        let mut terminal = ratatui::try_init().context("this is no terminal: try --once")?;
        let shown = async {
            loop {
                let view = self.look(&client).await;
                terminal.draw(|frame| draw(frame, &view))?;
                if tokio::task::block_in_place(|| quits(self.interval))? {
                    return Ok(());
                }
            }
        };
        let ended = shown.await;
        ratatui::restore();
        ended
    }

    /// One look, as text of this size.
    ///
    /// # Errors
    /// Without a size.
    pub async fn once(&self, (width, height): (u16, u16)) -> Result<String> {
        let view = self.look(&client()?).await;
        text(&view, width, height)
    }

    async fn look(&self, client: &reqwest::Client) -> View {
        let address = self.address.clone();
        let ledger = self.ledger.to_owned();
        let hour = tokio::task::spawn_blocking(move || ledger::report(&ledger, HOUR).ok());
        let answered = async {
            let ready = get(client, &address, "readyz").await?;
            anyhow::Ok((ready, get(client, &address, "metrics").await?))
        };
        let (not_ready, figures) = match answered.await {
            Ok(((200, _), (_, text))) => (None, Figures::parse(&text)),
            Ok(((_, why), (_, text))) => (Some(why.trim().to_owned()), Figures::parse(&text)),
            Err(_) => (Some("it does not answer".to_owned()), Figures::default()),
        };
        View {
            address: self.address.clone(),
            not_ready,
            figures,
            hour: hour.await.ok().flatten(),
        }
    }
}

/// The picture as text.
///
/// # Errors
/// Without a size.
pub fn text(view: &View, width: u16, height: u16) -> Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| draw(frame, view))?;
    let buffer = terminal.backend().buffer().clone();
    let lines = buffer.content().chunks(usize::from(width.max(1)));
    let lines = lines.map(|cells| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().timeout(TIMEOUT).build()?)
}

async fn get(client: &reqwest::Client, address: &str, path: &str) -> Result<(u16, String)> {
    let answer = client
        .get(format!("http://{address}/{path}"))
        .send()
        .await?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await?))
}

/// Waits for a key; true when it ends the picture.
fn quits(interval: Duration) -> Result<bool> {
    if !event::poll(interval)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else {
        return Ok(false);
    };
    let interrupted =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(interrupted || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}
