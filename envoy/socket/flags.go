package socket

// TrustFlags say how the two sides of a TCP connection know each other.
type TrustFlags struct {
	TLSCert   string `name:"tls-cert" type:"path" help:"This side's certificate (PEM), for TCP. Renewed files are taken up without a restart."`
	TLSKey    string `name:"tls-key" type:"path" help:"Its key (PEM)."`
	TLSCA     string `name:"tls-ca" type:"path" help:"Who must have signed the other side's certificate (PEM)."`
	TLSName   string `name:"tls-name" help:"What the control server's certificate must name; empty: the host that is called."`
	Plaintext bool   `help:"TCP without TLS: who reaches the port can read rules, or be a node."`
}

// Trust is what they say.
func (f TrustFlags) Trust() Trust {
	return Trust{Cert: f.TLSCert, Key: f.TLSKey, CA: f.TLSCA, Name: f.TLSName, Plaintext: f.Plaintext}
}
