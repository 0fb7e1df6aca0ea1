//! Answers as an endpoint at fault would give them.

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine as _;
use serde_json::{json, Value};
use solana_signature::Signature;

use super::Faults;

/// The slot that is claimed in place of `slot`.
pub(super) fn claimed(faults: &Faults, slot: u64) -> u64 {
    let shifted = slot.saturating_add_signed(faults.slot_shift);
    faults.slot_fixed.unwrap_or(shifted)
}

/// First signature of a transaction that is handed in.
pub(super) fn signature(request: &Value) -> String {
    let text = request["params"][0].as_str().unwrap_or_default();
    let bytes = BASE64.decode(text).unwrap_or_default();
    // A count of signatures below 128 is one byte.
    let first = bytes.get(1..65).and_then(|bytes| bytes.try_into().ok());
    first.map_or_else(String::new, |first: [u8; 64]| {
        Signature::from(first).to_string()
    })
}

/// Makes an answer of the chain one of an endpoint with these faults.
pub(super) fn change(faults: &Faults, request: &Value, answer: &mut Value) {
    let method = request["method"].as_str().unwrap_or_default();
    let result = &mut answer["result"];
    if result.is_null() {
        return;
    }
    if method == "getSlot" {
        if let Some(slot) = result.as_u64() {
            *result = json!(claimed(faults, slot));
        }
        return;
    }
    let mut slot = None;
    if let Some(context) = result.pointer_mut("/context/slot") {
        let claim = claimed(faults, context.as_u64().unwrap_or(0));
        *context = json!(claim);
        slot = Some(claim);
    }
    if let (Some(past), Some(slot)) = (&faults.past, slot) {
        past.answer(method, &request["params"], slot, &mut result["value"]);
    }
    if let (Some(units), "simulateTransaction") = (faults.units, method) {
        result["value"]["unitsConsumed"] = json!(units);
    }
}
