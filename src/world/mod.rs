//! Configuration → the clients that stand behind the ports, for one run. Each part takes the slice of the configuration that it
//! needs, never everything.
