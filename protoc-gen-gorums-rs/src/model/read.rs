//! Makes the model from descriptors.

use std::collections::BTreeMap;

use prost_types::method_options::IdempotencyLevel;
use prost_types::{MethodDescriptorProto, MethodOptions, ServiceDescriptorProto, ServiceOptions};

use super::rules::Declared;
use super::{MessageNames, Method, Package, Service, Shape};
use crate::descriptor::{Source, Sources, path_index, tag};
use crate::options::{MethodOption, Registry};
use crate::problems::Problems;

/// Reads the services of the packages and reports every rule that is broken.
pub(crate) fn read(
    sources: &Sources,
    packages: &BTreeMap<&str, Vec<&Source>>,
    problems: &mut Problems,
) -> Vec<Package> {
    let reader = Reader {
        registry: Registry::new(sources),
        messages: MessageNames::new(sources),
    };
    packages
        .iter()
        .map(|(name, files)| {
            let services = files
                .iter()
                .flat_map(|file| reader.services(file, problems))
                .collect();
            Package {
                name: (*name).to_owned(),
                services,
            }
        })
        .collect()
}

struct Reader {
    registry: Registry,
    messages: MessageNames,
}

impl Reader {
    fn services(&self, file: &Source, problems: &mut Problems) -> Vec<Service> {
        let services = file.proto.service.iter().enumerate();
        services
            .map(|(index, service)| Service {
                name: service.name().to_owned(),
                full_name: file.full_name(service.name()),
                file: file.name().to_owned(),
                index,
                deprecated: service
                    .options
                    .as_ref()
                    .is_some_and(ServiceOptions::deprecated),
                methods: self.methods(file, index, service, problems),
            })
            .collect()
    }

    fn methods(
        &self,
        file: &Source,
        service_index: usize,
        service: &ServiceDescriptorProto,
        problems: &mut Problems,
    ) -> Vec<Method> {
        let mirror = file.mirror.service.get(service_index);
        let mut methods = Vec::with_capacity(service.method.len());
        for (index, method) in service.method.iter().enumerate() {
            let options = mirror.and_then(|service| service.method.get(index));
            let options = options.map_or(&[][..], |method| &method.options);
            match self.method(file, method, options) {
                Ok(method) => methods.push(method),
                Err(wrong) => {
                    let service_path = [tag::FILE_SERVICE, path_index(service_index)];
                    let method_path = [tag::SERVICE_METHOD, path_index(index)];
                    let path = [service_path, method_path].concat();
                    let subject = format!("{}.{}", service.name(), method.name());
                    problems.extend(
                        wrong
                            .into_iter()
                            .map(|what| file.problem(&path, &subject, what)),
                    );
                }
            }
        }
        methods
    }

    /// The method, or all that is wrong with it.
    fn method(
        &self,
        file: &Source,
        method: &MethodDescriptorProto,
        options: &[u8],
    ) -> Result<Method, Vec<String>> {
        let options = self.registry.read(file, options)?;
        let shape = Shape {
            client_stream: method.client_streaming(),
            server_stream: method.server_streaming(),
        };
        let declared = Declared {
            options: &options,
            shape,
        };
        let custom_return_type = options
            .custom_return_type
            .as_deref()
            .map(|name| (name, self.messages.resolve(file.package(), name)));

        let mut wrong = declared.broken_rules();
        if let Some((name, None)) = &custom_return_type {
            wrong.push(format!(
                "`gorums.custom_return_type` names `{name}`, which is no message here; \
                 import the file that declares it, or write its full name"
            ));
        }
        let Some(call_type) = declared.call_type().filter(|_| wrong.is_empty()) else {
            return Err(wrong);
        };
        Ok(Method {
            name: method.name().to_owned(),
            call_type,
            shape,
            qf_with_req: options.has(MethodOption::QfWithReq),
            per_node_arg: options.has(MethodOption::PerNodeArg),
            custom_return_type: custom_return_type.and_then(|(_, full_name)| full_name),
            concurrent: options.has(MethodOption::Concurrent),
            idempotent: method.options.as_ref().is_some_and(|options| {
                options.idempotency_level() != IdempotencyLevel::IdempotencyUnknown
            }),
            deprecated: method
                .options
                .as_ref()
                .is_some_and(MethodOptions::deprecated),
        })
    }
}
