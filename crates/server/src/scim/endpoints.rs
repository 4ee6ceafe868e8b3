//! The endpoints that users, groups and roles have in common (RFC 7644 §3.2).

/// Defines the handlers of a resource: lists, one resource, and its changes. The module that uses it brings what differs:
/// `id_of`, `found`, `one`, `create`, `replace`, `change` and `remove`. `$view` is the right to read one resource.
macro_rules! endpoints {
    ($view:expr) => {
        /// `GET`: returns a page of the list, with the parameters in the query.
        pub(crate) async fn list(
            context: crate::context::Context,
            axum::extract::RawQuery(query): axum::extract::RawQuery,
        ) -> super::Answer {
            let call = super::Call::new(&context, query.as_deref()).await?;
            found(&call, &super::request::list_of_query(query.as_deref())?).await
        }

        /// `POST …/.search`: returns a page of the list, with the parameters in the body.
        pub(crate) async fn search(
            context: crate::context::Context,
            body: axum::body::Bytes,
        ) -> super::Answer {
            let call = super::Call::new(&context, None).await?;
            found(&call, &super::request::list_of_body(&context, &body)?).await
        }

        /// `POST`: creates a resource.
        pub(crate) async fn post(
            context: crate::context::Context,
            axum::extract::RawQuery(query): axum::extract::RawQuery,
            body: axum::body::Bytes,
        ) -> super::Answer {
            let call = super::Call::new(&context, query.as_deref()).await?;
            create(&call, &super::request::body(&context, &body)?).await
        }

        /// `GET …/{id}`: returns one resource.
        pub(crate) async fn get(
            context: crate::context::Context,
            axum::extract::Path(id): axum::extract::Path<String>,
            axum::extract::RawQuery(query): axum::extract::RawQuery,
        ) -> super::Answer {
            let call = super::Call::new(&context, query.as_deref()).await?;
            call.need($view)?;
            one(&call, http::StatusCode::OK, id_of(&id)?).await
        }

        /// `PUT …/{id}`: replaces a resource.
        pub(crate) async fn put(
            context: crate::context::Context,
            axum::extract::Path(id): axum::extract::Path<String>,
            axum::extract::RawQuery(query): axum::extract::RawQuery,
            body: axum::body::Bytes,
        ) -> super::Answer {
            let call = super::Call::new(&context, query.as_deref()).await?;
            replace(&call, &id, &super::request::body(&context, &body)?).await
        }

        /// `PATCH …/{id}`: changes a part of a resource.
        pub(crate) async fn patch(
            context: crate::context::Context,
            axum::extract::Path(id): axum::extract::Path<String>,
            axum::extract::RawQuery(query): axum::extract::RawQuery,
            body: axum::body::Bytes,
        ) -> super::Answer {
            let call = super::Call::new(&context, query.as_deref()).await?;
            change(&call, &id, &super::request::body(&context, &body)?).await
        }

        /// `DELETE …/{id}`: removes a resource.
        pub(crate) async fn delete(
            context: crate::context::Context,
            axum::extract::Path(id): axum::extract::Path<String>,
        ) -> super::Answer {
            let call = super::Call::new(&context, None).await?;
            remove(&call, &id).await
        }
    };
}
pub(super) use endpoints;
