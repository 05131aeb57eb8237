//! Users, roles and what each role may do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UserId;

/// What a user is allowed to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything.
    Admin,
    /// Runs campaigns: vendors, templates, campaigns.
    CampaignManager,
    /// Reads everything but other users.
    Viewer,
    /// A vendor's own user.
    Vendor,
}

impl Role {
    /// Every role, for tables and tests.
    pub const ALL: [Role; 4] = [Role::Admin, Role::CampaignManager, Role::Viewer, Role::Vendor];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::CampaignManager => "campaign_manager",
            Role::Viewer => "viewer",
            Role::Vendor => "vendor",
        }
    }

    /// Whether this role carries `permission`.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission::{
            AnalyticsRead, CampaignsExecute, CampaignsRead, CampaignsWrite, ImportsRead, ImportsWrite, OwnProfile, ResponsesRead, ResponsesReview,
            SuppressionsRead, SuppressionsRemove, SuppressionsWrite, SyncManage, SystemRead, TemplatesRead, TemplatesWrite, VendorsDelete,
            VendorsRead, VendorsReveal, VendorsVerify, VendorsWrite,
        };
        match self {
            Role::Admin => true,
            Role::CampaignManager => match permission {
                OwnProfile | VendorsRead | VendorsReveal | VendorsVerify | VendorsWrite | VendorsDelete | ImportsRead | ImportsWrite
                | TemplatesRead | TemplatesWrite | CampaignsRead | CampaignsWrite | CampaignsExecute | ResponsesRead | ResponsesReview
                | AnalyticsRead | SuppressionsRead | SuppressionsWrite | SystemRead => true,
                SuppressionsRemove | SyncManage => false,
            },
            Role::Viewer => matches!(
                permission,
                OwnProfile
                    | VendorsRead
                    | ImportsRead
                    | TemplatesRead
                    | CampaignsRead
                    | ResponsesRead
                    | AnalyticsRead
                    | SuppressionsRead
                    | SystemRead
            ),
            Role::Vendor => matches!(permission, OwnProfile),
        }
    }
}

/// One thing a route may require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read and change one's own profile.
    OwnProfile,
    /// Read vendors.
    VendorsRead,
    /// See vendors' identifiers in full in a file that leaves the system.
    VendorsReveal,
    /// Have vendors' identifiers verified by a provider, which costs money.
    VendorsVerify,
    /// Create and change vendors.
    VendorsWrite,
    /// Delete vendors.
    VendorsDelete,
    /// Read import jobs and their rejects.
    ImportsRead,
    /// Start import jobs.
    ImportsWrite,
    /// Read and preview templates.
    TemplatesRead,
    /// Create, change and delete templates.
    TemplatesWrite,
    /// Read campaigns, their progress and ledger.
    CampaignsRead,
    /// Create, change and delete campaigns.
    CampaignsWrite,
    /// Send a campaign.
    CampaignsExecute,
    /// Read what vendors answered.
    ResponsesRead,
    /// Decide on what vendors proposed.
    ResponsesReview,
    /// Read which addresses are suppressed, and why.
    SuppressionsRead,
    /// Suppress an address.
    SuppressionsWrite,
    /// Lift a suppression, for a reason that is kept.
    SuppressionsRemove,
    /// Say from which external systems vendors are taken.
    SyncManage,
    /// Read dashboards.
    AnalyticsRead,
    /// Read the health of dependencies.
    SystemRead,
}

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Identity.
    pub id: UserId,
    /// Sign-in name, lower case.
    pub email: String,
    /// Shown to colleagues.
    pub display_name: String,
    /// What the user may do.
    pub role: Role,
    /// A disabled user's sessions and tokens stop working at once.
    pub disabled: bool,
    /// Raised to end every session: a token of an older epoch is refused.
    pub session_epoch: u32,
    /// When the user was created.
    pub created_at: Timestamp,
    /// When the profile last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, for `ETag`.
    pub version: u64,
}
