//! dev-servers
