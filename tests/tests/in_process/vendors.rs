//! Vendors through the API.

use domain::user::Role;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_vendor_can_be_created_and_read() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let created = manager
        .post(&vendors::create::ROUTE, "/api/v1/vendors", json!({ "vendor_code": "V-1", "company_name": "Asha Castings" }))
        .await
        .expect(201);
    let path = created.header("location").expect("a location").to_owned();
    manager.get(&vendors::get::ROUTE, &path).await.expect(200);
}
