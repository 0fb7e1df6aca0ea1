//! The codes that transactions report, literally: clients and logs rely on them for ever.

use plimsoll::error::PlimsollError;
use plimsoll_client::errors::{describe, from_code};
use plimsoll_testkit::EngineError;

/// Append, never change.
const FROZEN: [(u32, &str); 94] = [
    (6_000, "Overflow"),
    (6_001, "WrongAccount"),
    (6_002, "NotAuthorized"),
    (6_003, "AlreadyInitialized"),
    (6_004, "DuplicateAccount"),
    (6_005, "ZeroAmount"),
    (6_006, "WrongMarketAccounts"),
    (6_007, "DurableNonceRefused"),
    (6_020, "MintNotPlain"),
    (6_021, "WrongCustodyShard"),
    (6_023, "TransferMismatch"),
    (6_024, "CustodyLessEven"),
    (6_030, "InsufficientCash"),
    (6_031, "BelowInitialMargin"),
    (6_032, "TradeWorsensRisk"),
    (6_033, "CreditDrawn"),
    (6_034, "LienUnpaid"),
    (6_035, "MarginAccountNotEmpty"),
    (6_036, "MarginEntriesFull"),
    (6_037, "ClaimsUnpaid"),
    (6_038, "NothingToSettle"),
    (6_039, "NotLiquidatable"),
    (6_040, "CreditUsable"),
    (6_041, "AccountSolvent"),
    (6_042, "TakeoverNotOpen"),
    (6_043, "PositionNotARemainder"),
    (6_044, "OrdersResting"),
    (6_050, "ParameterOutOfBounds"),
    (6_051, "ListingRuleViolated"),
    (6_052, "BaseAtomTooCoarse"),
    (6_053, "MarketAtMaxSize"),
    (6_054, "ArenaFull"),
    (6_055, "MarketHalted"),
    (6_056, "MarketReduceOnly"),
    (6_057, "OpenInterestCapExceeded"),
    (6_058, "MarketNotActive"),
    (6_059, "SeatDepositMissing"),
    (6_060, "NotInCall"),
    (6_061, "NotChangeable"),
    (6_062, "NothingToChange"),
    (6_063, "ChangeNotDue"),
    (6_064, "ChangeExpired"),
    (6_065, "ChangeOutdated"),
    (6_066, "GuardianPausing"),
    (6_067, "IndexNotDead"),
    (6_068, "MarketWoundUp"),
    (6_070, "WrongSeat"),
    (6_071, "SeatAlreadyClaimed"),
    (6_072, "SeatNotEmpty"),
    (6_073, "PositionTooLarge"),
    (6_074, "EpochBehind"),
    (6_090, "PriceOutOfRange"),
    (6_091, "SizeOutOfRange"),
    (6_092, "WrongOrder"),
    (6_093, "UnknownClientId"),
    (6_094, "OrderSlotsFull"),
    (6_095, "PostOnlyWouldCross"),
    (6_096, "FillOrKillUnfilled"),
    (6_097, "ReduceOnlyWouldNotReduce"),
    (6_098, "ExpiryInThePast"),
    (6_099, "OrderNotExpired"),
    (6_100, "BatchSizeOutOfRange"),
    (6_101, "OwnOrdersWouldCross"),
    (6_102, "LiquidationInterest"),
    (6_110, "FeedWrongOwner"),
    (6_111, "FeedMalformed"),
    (6_112, "FeedWrongId"),
    (6_113, "FeedNotFullyVerified"),
    (6_114, "FeedPriceInvalid"),
    (6_115, "FeedConfidenceTooWide"),
    (6_116, "FeedStale"),
    (6_117, "FeedTimeNotNewer"),
    (6_118, "FeedTimeInFuture"),
    (6_119, "FeedsDisagree"),
    (6_120, "IndexStale"),
    (6_130, "VaultCashReserved"),
    (6_131, "JuniorStakeTooSmall"),
    (6_132, "LineTooLarge"),
    (6_133, "WrongLineState"),
    (6_134, "LineNotActive"),
    (6_135, "DrawDoesNotCure"),
    (6_136, "DrawNotNeeded"),
    (6_137, "ValuationStale"),
    (6_138, "RedemptionNotDue"),
    (6_139, "NotFirstInQueue"),
    (6_140, "SharesInsufficient"),
    (6_141, "CreditLineMissing"),
    (6_142, "LineInUse"),
    (6_143, "AccountNotFlat"),
    (6_144, "RepaymentTooLarge"),
    (6_145, "AccountHasLine"),
    (6_146, "RedemptionPending"),
    (6_147, "LinesFull"),
    (6_148, "NothingToRepay"),
];

#[test]
fn every_error_keeps_its_code_and_its_name() {
    let known: Vec<(u32, String)> = EngineError::ALL
        .iter()
        .map(|error| (6_000 + error.code(), format!("{error:?}")))
        .collect();
    let expected: Vec<(u32, String)> = FROZEN
        .iter()
        .map(|(code, name)| (*code, (*name).to_owned()))
        .collect();
    assert_eq!(known, expected);
}

#[test]
fn the_program_reports_the_engines_code_and_name() {
    for error in EngineError::ALL {
        let reported = PlimsollError::from(*error);
        assert_eq!(u32::from(reported), 6_000 + error.code());
        assert_eq!(format!("{reported:?}"), format!("{error:?}"));
        assert_eq!(reported.to_string(), error.to_string());
    }
}

#[test]
fn the_client_names_every_code() {
    for (code, name) in FROZEN {
        let error = from_code(code).unwrap();
        assert_eq!(format!("{error:?}"), name);
        assert!(describe(code).starts_with(&format!("{name}: ")));
    }
    for unknown in [0, 5_999, 6_008, 6_121, u32::MAX] {
        assert_eq!(from_code(unknown), None, "{unknown}");
    }
}
