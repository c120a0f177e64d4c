package stream

// ServerFlags say where NATS is, and who we are to it.
type ServerFlags struct {
	NATSURL      string `name:"nats-url" env:"BARTIZAN_NATS_URL" help:"URL of NATS, or several of a cluster with commas between."`
	NATSCreds    string `name:"nats-creds" type:"path" help:"File with a user's JWT and key."`
	NATSUser     string `name:"nats-user" env:"BARTIZAN_NATS_USER" help:"User, with --nats-password-file."`
	NATSPassword string `name:"nats-password-file" type:"path" help:"File of its password."`
	NATSCA       string `name:"nats-tls-ca" type:"path" help:"Who must have signed the certificate of NATS (PEM)."`
	NATSCert     string `name:"nats-tls-cert" type:"path" help:"Certificate to show to NATS (PEM)."`
	NATSKey      string `name:"nats-tls-key" type:"path" help:"Its key (PEM)."`
}

// Server is what they say.
func (f ServerFlags) Server() Server {
	return Server{
		URL: f.NATSURL, Creds: f.NATSCreds, User: f.NATSUser, PasswordFile: f.NATSPassword, CA: f.NATSCA, Cert: f.NATSCert, Key: f.NATSKey,
	}
}
