//! Errors named after the violated condition. Codes are append-only and frozen by a test
//! (`tests/tests/error_codes.rs`); the program maps each to its own Anchor error of the same name.

use thiserror::Error;

/// Result of every transition of the engine.
pub type Result<T> = core::result::Result<T, EngineError>;

/// The violated condition. Gaps in the codes leave room for conditions of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[repr(u32)]
pub enum EngineError {
    #[error("a result does not fit its type")]
    Overflow = 0,
    #[error("an account of another kind, owner, size or address was passed")]
    WrongAccount = 1,
    #[error("the signer is neither the owner nor, where allowed, the delegate")]
    NotAuthorized = 2,
    #[error("the account is initialised already")]
    AlreadyInitialized = 3,
    #[error("the same account was passed twice where two are needed")]
    DuplicateAccount = 4,
    #[error("an amount of zero does nothing")]
    ZeroAmount = 5,
    #[error("the accounts of the trader's other markets are missing, surplus or out of order")]
    WrongMarketAccounts = 6,
    #[error("an admin instruction may not follow a durable-nonce advance")]
    DurableNonceRefused = 7,

    #[error("the mint is not a plain token mint of six decimals")]
    MintNotPlain = 20,
    #[error("the custody shard does not exist or is not one of this exchange")]
    WrongCustodyShard = 21,
    #[error("the token transfer moved another amount than it reported")]
    TransferMismatch = 23,
    #[error("moving that much would leave custody's shards less even")]
    CustodyLessEven = 24,

    #[error("less aged cash than the amount asked for")]
    InsufficientCash = 30,
    #[error("what remains would be below initial margin")]
    BelowInitialMargin = 31,
    #[error("below initial margin or on credit a trade must cut maintenance margin and not worsen Q over it")]
    TradeWorsensRisk = 32,
    #[error("credit is drawn: repay it first")]
    CreditDrawn = 33,
    #[error("a lien of an earlier write-off is unpaid")]
    LienUnpaid = 34,
    #[error("the account still holds cash, debt or seats")]
    MarginAccountNotEmpty = 35,
    #[error("all eight market entries of the margin account are taken")]
    MarginEntriesFull = 36,
    #[error("a settle of the last hour left a claim unpaid: fees are junior to it")]
    ClaimsUnpaid = 37,
    #[error("the position's index is stale: its claim cannot be settled")]
    NothingToSettle = 38,
    #[error("the account meets maintenance margin: nothing may be liquidated")]
    NotLiquidatable = 39,
    #[error("a usable credit line would still cure the account: draw it first")]
    CreditUsable = 40,
    #[error("the account is not insolvent at the mark")]
    AccountSolvent = 41,
    #[error("no takeover is open: a liquidation must have tried the book first")]
    TakeoverNotOpen = 42,
    #[error("the position is none, or a lot or more: close it by an order")]
    PositionNotARemainder = 43,
    #[error("orders of the account still rest: a liquidation must cancel them first")]
    OrdersResting = 44,

    #[error("the parameter is out of its published bounds")]
    ParameterOutOfBounds = 50,
    #[error("maintenance margin would not cover the velocity threshold, the fees and one funding accrual")]
    ListingRuleViolated = 51,
    #[error("a base atom is worth more than one quote atom")]
    BaseAtomTooCoarse = 52,
    #[error("the market account is at its largest size")]
    MarketAtMaxSize = 53,
    #[error("the market's arena has no block left: grow it")]
    ArenaFull = 54,
    #[error("the market accepts no such instruction while halted")]
    MarketHalted = 55,
    #[error("the market accepts only orders that reduce a position")]
    MarketReduceOnly = 56,
    #[error("open interest would exceed the market's cap")]
    OpenInterestCapExceeded = 57,
    #[error("the market has no first index yet")]
    MarketNotActive = 58,
    #[error("the market account's lamports do not cover rent and the deposits of its seats")]
    SeatDepositMissing = 59,
    #[error("the market is not in a call, or its index is stale: nothing joins an auction there")]
    NotInCall = 60,
    #[error("lot, tick and decimals of a market never change")]
    NotChangeable = 61,
    #[error("nothing would change")]
    NothingToChange = 62,
    #[error("the change's timelock has not passed")]
    ChangeNotDue = 63,
    #[error("the change was not applied in time and is void")]
    ChangeExpired = 64,
    #[error("the values in force are not those that the change was queued against")]
    ChangeOutdated = 65,
    #[error("the guardian must pause as long as its last reduce-only time lasted")]
    GuardianPausing = 66,
    #[error("the index has not been stale for long enough")]
    IndexNotDead = 67,
    #[error("the market is wound up: its seats settle and are released, nothing else")]
    MarketWoundUp = 68,

    #[error("the seat hint names no seat of this margin account")]
    WrongSeat = 70,
    #[error("the margin account has a seat in this market already")]
    SeatAlreadyClaimed = 71,
    #[error("the seat still holds a position, orders or claims")]
    SeatNotEmpty = 72,
    #[error("the position would exceed the largest that a seat can hold")]
    PositionTooLarge = 73,
    #[error("the seat is epochs behind its side: sync it first")]
    EpochBehind = 74,

    #[error("the price is zero or above the largest tick")]
    PriceOutOfRange = 90,
    #[error("the size is zero, under the minimum or above the largest order")]
    SizeOutOfRange = 91,
    #[error("the order hint names no such order")]
    WrongOrder = 92,
    #[error("no order of this seat carries that client id")]
    UnknownClientId = 93,
    #[error("all order slots of the seat are taken")]
    OrderSlotsFull = 94,
    #[error("a post-only order would cross the book")]
    PostOnlyWouldCross = 95,
    #[error("a fill-or-kill order cannot be filled whole")]
    FillOrKillUnfilled = 96,
    #[error("a reduce-only order has no position to reduce")]
    ReduceOnlyWouldNotReduce = 97,
    #[error("the expiry lies in the past")]
    ExpiryInThePast = 98,
    #[error("the order has not expired")]
    OrderNotExpired = 99,
    #[error("the batch is empty or larger than allowed")]
    BatchSizeOutOfRange = 100,
    #[error("the book may cross in a call, but not an account with itself")]
    OwnOrdersWouldCross = 101,
    #[error("a liquidation's interest in an auction is not its owner's to cancel")]
    LiquidationInterest = 102,

    #[error("the price account is not owned by the Pyth receiver")]
    FeedWrongOwner = 110,
    #[error("the price account is not a PriceUpdateV2")]
    FeedMalformed = 111,
    #[error("the price account carries another feed")]
    FeedWrongId = 112,
    #[error("the price update is not fully verified")]
    FeedNotFullyVerified = 113,
    #[error("the price is not positive or not representable")]
    FeedPriceInvalid = 114,
    #[error("the confidence interval is too wide")]
    FeedConfidenceTooWide = 115,
    #[error("the price is older than the market allows")]
    FeedStale = 116,
    #[error("the publish time is not newer than the last one used")]
    FeedTimeNotNewer = 117,
    #[error("the publish time lies in the future")]
    FeedTimeInFuture = 118,
    #[error("fewer feeds agree than the market requires")]
    FeedsDisagree = 119,
    #[error("the index is stale")]
    IndexStale = 120,

    #[error("the vault has less unreserved cash than asked for")]
    VaultCashReserved = 130,
    #[error("the underwriter's junior stake would be under a tenth of its limits")]
    JuniorStakeTooSmall = 131,
    #[error("the limit is more than a fifth of the vault")]
    LineTooLarge = 132,
    #[error("the credit line is in another state than this needs")]
    WrongLineState = 133,
    #[error("the credit line is not active yet")]
    LineNotActive = 134,
    #[error("what may be drawn would not cure the account")]
    DrawDoesNotCure = 135,
    #[error("the account is above the trigger of a draw")]
    DrawNotNeeded = 136,
    #[error("a drawn line of the vault has no fresh valuation")]
    ValuationStale = 137,
    #[error("the redemption's notice has not passed")]
    RedemptionNotDue = 138,
    #[error("another redemption is first in the queue")]
    NotFirstInQueue = 139,
    #[error("fewer shares than asked for")]
    SharesInsufficient = 140,
    #[error("the account has a credit line: its accounts must be passed")]
    CreditLineMissing = 141,
    #[error("the credit line is drawn, or interest or a lien is owed")]
    LineInUse = 142,
    #[error("the account still has positions, claims or cash")]
    AccountNotFlat = 143,
    #[error("the repayment would leave less than the repayment floor")]
    RepaymentTooLarge = 144,
    #[error("the margin account has a credit line already")]
    AccountHasLine = 145,
    #[error("a redemption of this stake is waiting already")]
    RedemptionPending = 146,
    #[error("all line slots of the vault are taken")]
    LinesFull = 147,
    #[error("the account owes the lender nothing")]
    NothingToRepay = 148,
}

impl EngineError {
    /// Every error, in the order of their codes.
    pub const ALL: &'static [Self] = &[
        Self::Overflow,
        Self::WrongAccount,
        Self::NotAuthorized,
        Self::AlreadyInitialized,
        Self::DuplicateAccount,
        Self::ZeroAmount,
        Self::WrongMarketAccounts,
        Self::DurableNonceRefused,
        Self::MintNotPlain,
        Self::WrongCustodyShard,
        Self::TransferMismatch,
        Self::CustodyLessEven,
        Self::InsufficientCash,
        Self::BelowInitialMargin,
        Self::TradeWorsensRisk,
        Self::CreditDrawn,
        Self::LienUnpaid,
        Self::MarginAccountNotEmpty,
        Self::MarginEntriesFull,
        Self::ClaimsUnpaid,
        Self::NothingToSettle,
        Self::NotLiquidatable,
        Self::CreditUsable,
        Self::AccountSolvent,
        Self::TakeoverNotOpen,
        Self::PositionNotARemainder,
        Self::OrdersResting,
        Self::ParameterOutOfBounds,
        Self::ListingRuleViolated,
        Self::BaseAtomTooCoarse,
        Self::MarketAtMaxSize,
        Self::ArenaFull,
        Self::MarketHalted,
        Self::MarketReduceOnly,
        Self::OpenInterestCapExceeded,
        Self::MarketNotActive,
        Self::SeatDepositMissing,
        Self::NotInCall,
        Self::NotChangeable,
        Self::NothingToChange,
        Self::ChangeNotDue,
        Self::ChangeExpired,
        Self::ChangeOutdated,
        Self::GuardianPausing,
        Self::IndexNotDead,
        Self::MarketWoundUp,
        Self::WrongSeat,
        Self::SeatAlreadyClaimed,
        Self::SeatNotEmpty,
        Self::PositionTooLarge,
        Self::EpochBehind,
        Self::PriceOutOfRange,
        Self::SizeOutOfRange,
        Self::WrongOrder,
        Self::UnknownClientId,
        Self::OrderSlotsFull,
        Self::PostOnlyWouldCross,
        Self::FillOrKillUnfilled,
        Self::ReduceOnlyWouldNotReduce,
        Self::ExpiryInThePast,
        Self::OrderNotExpired,
        Self::BatchSizeOutOfRange,
        Self::OwnOrdersWouldCross,
        Self::LiquidationInterest,
        Self::FeedWrongOwner,
        Self::FeedMalformed,
        Self::FeedWrongId,
        Self::FeedNotFullyVerified,
        Self::FeedPriceInvalid,
        Self::FeedConfidenceTooWide,
        Self::FeedStale,
        Self::FeedTimeNotNewer,
        Self::FeedTimeInFuture,
        Self::FeedsDisagree,
        Self::IndexStale,
        Self::VaultCashReserved,
        Self::JuniorStakeTooSmall,
        Self::LineTooLarge,
        Self::WrongLineState,
        Self::LineNotActive,
        Self::DrawDoesNotCure,
        Self::DrawNotNeeded,
        Self::ValuationStale,
        Self::RedemptionNotDue,
        Self::NotFirstInQueue,
        Self::SharesInsufficient,
        Self::CreditLineMissing,
        Self::LineInUse,
        Self::AccountNotFlat,
        Self::RepaymentTooLarge,
        Self::AccountHasLine,
        Self::RedemptionPending,
        Self::LinesFull,
        Self::NothingToRepay,
    ];

    /// The frozen code.
    #[allow(clippy::as_conversions)]
    pub const fn code(self) -> u32 {
        self as u32
    }
}
