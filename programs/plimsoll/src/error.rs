//! The program's errors: one for each of the engine's, same name, code 6000 + the engine's code.

use anchor_lang::prelude::*;
use plimsoll_engine::EngineError;

/// The violated condition, as a transaction reports it.
#[error_code]
pub enum PlimsollError {
    #[msg("a result does not fit its type")]
    Overflow = 0,
    #[msg("an account of another kind, owner, size or address was passed")]
    WrongAccount = 1,
    #[msg("the signer is neither the owner nor, where allowed, the delegate")]
    NotAuthorized = 2,
    #[msg("the account is initialised already")]
    AlreadyInitialized = 3,
    #[msg("the same account was passed twice where two are needed")]
    DuplicateAccount = 4,
    #[msg("an amount of zero does nothing")]
    ZeroAmount = 5,
    #[msg("the accounts of the trader's other markets are missing, surplus or out of order")]
    WrongMarketAccounts = 6,
    #[msg("an admin instruction may not follow a durable-nonce advance")]
    DurableNonceRefused = 7,
    #[msg("the mint is not a plain token mint of six decimals")]
    MintNotPlain = 20,
    #[msg("the custody shard does not exist or is not one of this exchange")]
    WrongCustodyShard = 21,
    #[msg("the token transfer moved another amount than it reported")]
    TransferMismatch = 23,
    #[msg("moving that much would leave custody's shards less even")]
    CustodyLessEven = 24,
    #[msg("less aged cash than the amount asked for")]
    InsufficientCash = 30,
    #[msg("what remains would be below initial margin")]
    BelowInitialMargin = 31,
    #[msg("below initial margin or on credit a trade must cut maintenance margin and not worsen Q over it")]
    TradeWorsensRisk = 32,
    #[msg("credit is drawn: repay it first")]
    CreditDrawn = 33,
    #[msg("a lien of an earlier write-off is unpaid")]
    LienUnpaid = 34,
    #[msg("the account still holds cash, debt or seats")]
    MarginAccountNotEmpty = 35,
    #[msg("all eight market entries of the margin account are taken")]
    MarginEntriesFull = 36,
    #[msg("a settle of the last hour left a claim unpaid: fees are junior to it")]
    ClaimsUnpaid = 37,
    #[msg("the position's index is stale: its claim cannot be settled")]
    NothingToSettle = 38,
    #[msg("the account meets maintenance margin: nothing may be liquidated")]
    NotLiquidatable = 39,
    #[msg("a usable credit line would still cure the account: draw it first")]
    CreditUsable = 40,
    #[msg("the account is not insolvent at the mark")]
    AccountSolvent = 41,
    #[msg("no takeover is open: a liquidation must have tried the book first")]
    TakeoverNotOpen = 42,
    #[msg("the position is none, or a lot or more: close it by an order")]
    PositionNotARemainder = 43,
    #[msg("orders of the account still rest: a liquidation must cancel them first")]
    OrdersResting = 44,
    #[msg("the parameter is out of its published bounds")]
    ParameterOutOfBounds = 50,
    #[msg("maintenance margin would not cover the velocity threshold, the fees and one funding accrual")]
    ListingRuleViolated = 51,
    #[msg("a base atom is worth more than one quote atom")]
    BaseAtomTooCoarse = 52,
    #[msg("the market account is at its largest size")]
    MarketAtMaxSize = 53,
    #[msg("the market's arena has no block left: grow it")]
    ArenaFull = 54,
    #[msg("the market accepts no such instruction while halted")]
    MarketHalted = 55,
    #[msg("the market accepts only orders that reduce a position")]
    MarketReduceOnly = 56,
    #[msg("open interest would exceed the market's cap")]
    OpenInterestCapExceeded = 57,
    #[msg("the market has no first index yet")]
    MarketNotActive = 58,
    #[msg("the market account's lamports do not cover rent and the deposits of its seats")]
    SeatDepositMissing = 59,
    #[msg("the market is not in a call, or its index is stale: nothing joins an auction there")]
    NotInCall = 60,
    #[msg("lot, tick and decimals of a market never change")]
    NotChangeable = 61,
    #[msg("nothing would change")]
    NothingToChange = 62,
    #[msg("the change's timelock has not passed")]
    ChangeNotDue = 63,
    #[msg("the change was not applied in time and is void")]
    ChangeExpired = 64,
    #[msg("the values in force are not those that the change was queued against")]
    ChangeOutdated = 65,
    #[msg("the guardian must pause as long as its last reduce-only time lasted")]
    GuardianPausing = 66,
    #[msg("the index has not been stale for long enough")]
    IndexNotDead = 67,
    #[msg("the market is wound up: its seats settle and are released, nothing else")]
    MarketWoundUp = 68,
    #[msg("the seat hint names no seat of this margin account")]
    WrongSeat = 70,
    #[msg("the margin account has a seat in this market already")]
    SeatAlreadyClaimed = 71,
    #[msg("the seat still holds a position, orders or claims")]
    SeatNotEmpty = 72,
    #[msg("the position would exceed the largest that a seat can hold")]
    PositionTooLarge = 73,
    #[msg("the seat is epochs behind its side: sync it first")]
    EpochBehind = 74,
    #[msg("the price is zero or above the largest tick")]
    PriceOutOfRange = 90,
    #[msg("the size is zero, under the minimum or above the largest order")]
    SizeOutOfRange = 91,
    #[msg("the order hint names no such order")]
    WrongOrder = 92,
    #[msg("no order of this seat carries that client id")]
    UnknownClientId = 93,
    #[msg("all order slots of the seat are taken")]
    OrderSlotsFull = 94,
    #[msg("a post-only order would cross the book")]
    PostOnlyWouldCross = 95,
    #[msg("a fill-or-kill order cannot be filled whole")]
    FillOrKillUnfilled = 96,
    #[msg("a reduce-only order has no position to reduce")]
    ReduceOnlyWouldNotReduce = 97,
    #[msg("the expiry lies in the past")]
    ExpiryInThePast = 98,
    #[msg("the order has not expired")]
    OrderNotExpired = 99,
    #[msg("the batch is empty or larger than allowed")]
    BatchSizeOutOfRange = 100,
    #[msg("the book may cross in a call, but not an account with itself")]
    OwnOrdersWouldCross = 101,
    #[msg("a liquidation's interest in an auction is not its owner's to cancel")]
    LiquidationInterest = 102,
    #[msg("the price account is not owned by the Pyth receiver")]
    FeedWrongOwner = 110,
    #[msg("the price account is not a PriceUpdateV2")]
    FeedMalformed = 111,
    #[msg("the price account carries another feed")]
    FeedWrongId = 112,
    #[msg("the price update is not fully verified")]
    FeedNotFullyVerified = 113,
    #[msg("the price is not positive or not representable")]
    FeedPriceInvalid = 114,
    #[msg("the confidence interval is too wide")]
    FeedConfidenceTooWide = 115,
    #[msg("the price is older than the market allows")]
    FeedStale = 116,
    #[msg("the publish time is not newer than the last one used")]
    FeedTimeNotNewer = 117,
    #[msg("the publish time lies in the future")]
    FeedTimeInFuture = 118,
    #[msg("fewer feeds agree than the market requires")]
    FeedsDisagree = 119,
    #[msg("the index is stale")]
    IndexStale = 120,
    #[msg("the vault has less unreserved cash than asked for")]
    VaultCashReserved = 130,
    #[msg("the underwriter's junior stake would be under a tenth of its limits")]
    JuniorStakeTooSmall = 131,
    #[msg("the limit is more than a fifth of the vault")]
    LineTooLarge = 132,
    #[msg("the credit line is in another state than this needs")]
    WrongLineState = 133,
    #[msg("the credit line is not active yet")]
    LineNotActive = 134,
    #[msg("what may be drawn would not cure the account")]
    DrawDoesNotCure = 135,
    #[msg("the account is above the trigger of a draw")]
    DrawNotNeeded = 136,
    #[msg("a drawn line of the vault has no fresh valuation")]
    ValuationStale = 137,
    #[msg("the redemption's notice has not passed")]
    RedemptionNotDue = 138,
    #[msg("another redemption is first in the queue")]
    NotFirstInQueue = 139,
    #[msg("fewer shares than asked for")]
    SharesInsufficient = 140,
    #[msg("the account has a credit line: its accounts must be passed")]
    CreditLineMissing = 141,
    #[msg("the credit line is drawn, or interest or a lien is owed")]
    LineInUse = 142,
    #[msg("the account still has positions, claims or cash")]
    AccountNotFlat = 143,
    #[msg("the repayment would leave less than the repayment floor")]
    RepaymentTooLarge = 144,
    #[msg("the margin account has a credit line already")]
    AccountHasLine = 145,
    #[msg("a redemption of this stake is waiting already")]
    RedemptionPending = 146,
    #[msg("all line slots of the vault are taken")]
    LinesFull = 147,
    #[msg("the account owes the lender nothing")]
    NothingToRepay = 148,
}

/// Exhaustive on purpose: a new engine error without a program error does not compile.
impl From<EngineError> for PlimsollError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overflow => Self::Overflow,
            EngineError::WrongAccount => Self::WrongAccount,
            EngineError::NotAuthorized => Self::NotAuthorized,
            EngineError::AlreadyInitialized => Self::AlreadyInitialized,
            EngineError::DuplicateAccount => Self::DuplicateAccount,
            EngineError::ZeroAmount => Self::ZeroAmount,
            EngineError::WrongMarketAccounts => Self::WrongMarketAccounts,
            EngineError::DurableNonceRefused => Self::DurableNonceRefused,
            EngineError::MintNotPlain => Self::MintNotPlain,
            EngineError::WrongCustodyShard => Self::WrongCustodyShard,
            EngineError::TransferMismatch => Self::TransferMismatch,
            EngineError::CustodyLessEven => Self::CustodyLessEven,
            EngineError::InsufficientCash => Self::InsufficientCash,
            EngineError::BelowInitialMargin => Self::BelowInitialMargin,
            EngineError::TradeWorsensRisk => Self::TradeWorsensRisk,
            EngineError::CreditDrawn => Self::CreditDrawn,
            EngineError::LienUnpaid => Self::LienUnpaid,
            EngineError::MarginAccountNotEmpty => Self::MarginAccountNotEmpty,
            EngineError::MarginEntriesFull => Self::MarginEntriesFull,
            EngineError::ClaimsUnpaid => Self::ClaimsUnpaid,
            EngineError::NothingToSettle => Self::NothingToSettle,
            EngineError::NotLiquidatable => Self::NotLiquidatable,
            EngineError::CreditUsable => Self::CreditUsable,
            EngineError::AccountSolvent => Self::AccountSolvent,
            EngineError::TakeoverNotOpen => Self::TakeoverNotOpen,
            EngineError::PositionNotARemainder => Self::PositionNotARemainder,
            EngineError::OrdersResting => Self::OrdersResting,
            EngineError::ParameterOutOfBounds => Self::ParameterOutOfBounds,
            EngineError::ListingRuleViolated => Self::ListingRuleViolated,
            EngineError::BaseAtomTooCoarse => Self::BaseAtomTooCoarse,
            EngineError::MarketAtMaxSize => Self::MarketAtMaxSize,
            EngineError::ArenaFull => Self::ArenaFull,
            EngineError::MarketHalted => Self::MarketHalted,
            EngineError::MarketReduceOnly => Self::MarketReduceOnly,
            EngineError::OpenInterestCapExceeded => Self::OpenInterestCapExceeded,
            EngineError::MarketNotActive => Self::MarketNotActive,
            EngineError::SeatDepositMissing => Self::SeatDepositMissing,
            EngineError::NotInCall => Self::NotInCall,
            EngineError::NotChangeable => Self::NotChangeable,
            EngineError::NothingToChange => Self::NothingToChange,
            EngineError::ChangeNotDue => Self::ChangeNotDue,
            EngineError::ChangeExpired => Self::ChangeExpired,
            EngineError::ChangeOutdated => Self::ChangeOutdated,
            EngineError::GuardianPausing => Self::GuardianPausing,
            EngineError::IndexNotDead => Self::IndexNotDead,
            EngineError::MarketWoundUp => Self::MarketWoundUp,
            EngineError::WrongSeat => Self::WrongSeat,
            EngineError::SeatAlreadyClaimed => Self::SeatAlreadyClaimed,
            EngineError::SeatNotEmpty => Self::SeatNotEmpty,
            EngineError::PositionTooLarge => Self::PositionTooLarge,
            EngineError::EpochBehind => Self::EpochBehind,
            EngineError::PriceOutOfRange => Self::PriceOutOfRange,
            EngineError::SizeOutOfRange => Self::SizeOutOfRange,
            EngineError::WrongOrder => Self::WrongOrder,
            EngineError::UnknownClientId => Self::UnknownClientId,
            EngineError::OrderSlotsFull => Self::OrderSlotsFull,
            EngineError::PostOnlyWouldCross => Self::PostOnlyWouldCross,
            EngineError::FillOrKillUnfilled => Self::FillOrKillUnfilled,
            EngineError::ReduceOnlyWouldNotReduce => Self::ReduceOnlyWouldNotReduce,
            EngineError::ExpiryInThePast => Self::ExpiryInThePast,
            EngineError::OrderNotExpired => Self::OrderNotExpired,
            EngineError::BatchSizeOutOfRange => Self::BatchSizeOutOfRange,
            EngineError::OwnOrdersWouldCross => Self::OwnOrdersWouldCross,
            EngineError::LiquidationInterest => Self::LiquidationInterest,
            EngineError::FeedWrongOwner => Self::FeedWrongOwner,
            EngineError::FeedMalformed => Self::FeedMalformed,
            EngineError::FeedWrongId => Self::FeedWrongId,
            EngineError::FeedNotFullyVerified => Self::FeedNotFullyVerified,
            EngineError::FeedPriceInvalid => Self::FeedPriceInvalid,
            EngineError::FeedConfidenceTooWide => Self::FeedConfidenceTooWide,
            EngineError::FeedStale => Self::FeedStale,
            EngineError::FeedTimeNotNewer => Self::FeedTimeNotNewer,
            EngineError::FeedTimeInFuture => Self::FeedTimeInFuture,
            EngineError::FeedsDisagree => Self::FeedsDisagree,
            EngineError::IndexStale => Self::IndexStale,
            EngineError::VaultCashReserved => Self::VaultCashReserved,
            EngineError::JuniorStakeTooSmall => Self::JuniorStakeTooSmall,
            EngineError::LineTooLarge => Self::LineTooLarge,
            EngineError::WrongLineState => Self::WrongLineState,
            EngineError::LineNotActive => Self::LineNotActive,
            EngineError::DrawDoesNotCure => Self::DrawDoesNotCure,
            EngineError::DrawNotNeeded => Self::DrawNotNeeded,
            EngineError::ValuationStale => Self::ValuationStale,
            EngineError::RedemptionNotDue => Self::RedemptionNotDue,
            EngineError::NotFirstInQueue => Self::NotFirstInQueue,
            EngineError::SharesInsufficient => Self::SharesInsufficient,
            EngineError::CreditLineMissing => Self::CreditLineMissing,
            EngineError::LineInUse => Self::LineInUse,
            EngineError::AccountNotFlat => Self::AccountNotFlat,
            EngineError::RepaymentTooLarge => Self::RepaymentTooLarge,
            EngineError::AccountHasLine => Self::AccountHasLine,
            EngineError::RedemptionPending => Self::RedemptionPending,
            EngineError::LinesFull => Self::LinesFull,
            EngineError::NothingToRepay => Self::NothingToRepay,
        }
    }
}

/// Turns an engine result into Anchor's.
pub trait IntoAnchor<T> {
    /// The same value, or the program error of the same name.
    fn anchor(self) -> Result<T>;
}

impl<T> IntoAnchor<T> for plimsoll_engine::Result<T> {
    #[inline(always)]
    fn anchor(self) -> Result<T> {
        self.map_err(|error| Error::from(PlimsollError::from(error)))
    }
}
