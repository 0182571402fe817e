//! What may be asked for.

use crate::auth::{May, SeeCatalog};
use crate::{AppState, reply::Json};
use axum::extract::State;
use gavel_contract::rest::{CategoriesResponse, CategoryView, TaskTypeView};
use gavel_domain::catalog::Category;

/// Every category with its task types
#[utoipa::path(get, path = "/categories", tag = "catalogue", responses((status = 200, body = CategoriesResponse)))]
pub(crate) async fn list(State(state): State<AppState>, _: May<SeeCatalog>) -> Json<CategoriesResponse> {
    Json(CategoriesResponse { categories: state.settings.catalog.categories.iter().map(view).collect() })
}

fn view(category: &Category) -> CategoryView {
    let types = category.task_types.iter();
    CategoryView {
        slug: category.slug.clone(),
        name: category.name.clone(),
        task_types: types.map(|t| TaskTypeView { slug: t.slug.clone(), name: t.name.clone() }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::World;
    use serde_json::json;

    #[tokio::test]
    async fn any_key_sees_them() {
        let world = World::new().await;
        for key in [world.buyer(), world.developer()] {
            let answer = world.get(key, "/api/v1/categories").await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body["categories"][0]["slug"], "content-writing");
            let first = json!({ "slug": "blog-post", "name": "Blog post" });
            assert_eq!(answer.body["categories"][0]["task_types"][0], first);
        }
        assert_eq!(world.get("", "/api/v1/categories").await.status, 401);
    }
}
