/// Runs the statements of an example: alone, with the store's service, or also with its three replicas. Those that begin
/// with `log` use the log.
#[doc(hidden)]
#[macro_export]
macro_rules! guide_example {
    (log => $($statements:tt)*) => {
        $crate::guide_example! { @log $($statements)* }
    };
    (=> $($statements:tt)*) => {
        $crate::guide_example! { @storage $($statements)* }
    };
    ($storage:ident => $($statements:tt)*) => {
        $crate::guide_example! { $storage, _replicas => $($statements)* }
    };
    ($storage:ident, $replicas:ident => $($statements:tt)*) => {
        $crate::guide_example! { =>
            let ($replicas, $storage) = cluster().await?;
            $($statements)*
        }
    };
    (@$example:ident $($statements:tt)*) => {
        #[tokio::main]
        async fn run() -> Result<(), Box<dyn std::error::Error>> {
            #[allow(unused_imports)]
            use $crate::guide::example::$example::*;
            $($statements)*
            Ok(())
        }
        run().expect("the example runs");
    };
}
