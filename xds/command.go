package xds

import (
	"context"
	"log/slog"
	"time"

	"bartizan/envoy/socket"
)

// PolicyFlags name a policy repository.
type PolicyFlags struct {
	Policies string        `default:"policies" env:"BARTIZAN_POLICIES" help:"Policy repository: a Git repository (path or URL, also bare) or a plain folder."`
	Branch   string        `help:"Branch of a Git repository; empty: the one that HEAD names."`
	Path     string        `help:"Folder of the policies within the repository."`
	Poll     time.Duration `default:"2s" help:"How often to look for a new commit."`
	Watch    bool          `help:"Follow the files as they are, committed or not, even in a Git repository."`
	Git      string        `name:"git-credentials" type:"path" help:"Folder with username and password (https) or ssh-privatekey and known_hosts (ssh), and ca.crt where needed."`
	Keys     string        `type:"path" help:"Folder with documents of kind VirtualKeys beside the repository, such as a mounted Secret."`
}

// Repository is the one that they name.
func (p PolicyFlags) Repository(log *slog.Logger) Repository {
	return Repository{Location: p.Policies, Branch: p.Branch, Path: p.Path, Poll: p.Poll, Watch: p.Watch, Credentials: p.Git, Keys: p.Keys, Log: log}
}

// Command is `bartizan xds`.
type Command struct {
	PolicyFlags
	socket.TrustFlags
	Listen        string `required:"" help:"Delta ADS: unix:/path or host:port."`
	Status        string `help:"Status, metrics and health over HTTP: unix:/path or host:port."`
	Webhook       string `help:"Where a forge tells of new commits, POST /webhook: host:port."`
	WebhookSecret string `name:"webhook-secret-file" type:"path" help:"File of the secret of the webhook: GitHub's HMAC or GitLab's token."`

	Secrets string `default:"/etc/bartizan/secrets" help:"Folder of provider credentials, as Envoy sees it."`

	Certificates string `help:"Folder of the listeners' certificates, each a folder with tls.crt and tls.key, as Envoy sees it; empty: that of the secrets."`

	Aggregator string `default:"/run/bartizan/aggregator.sock" help:"Unix socket of the MCP aggregator of bartizan extproc, as Envoy sees it."`
	Gate       string `default:"/run/bartizan/gate.sock" help:"Unix socket on which Envoy hears the aggregator."`

	CAFile string `name:"ca-file" help:"Certificates that upstreams are checked against, as Envoy sees them; empty: this machine's."`
}

// Run serves until interrupted.
func (c *Command) Run(ctx context.Context, log *slog.Logger) error {
	if c.CAFile == "" {
		c.CAFile = SystemCAFile()
	}
	return Service{
		Repository: c.Repository(log), Listen: c.Listen, Trust: c.Trust(), Status: c.Status, Webhook: c.Webhook, WebhookSecret: c.WebhookSecret,
		Options: Options{
			SecretsDir: c.Secrets, CertificatesDir: c.Certificates, CAFile: c.CAFile, Aggregator: c.Aggregator, Gate: c.Gate,
		},
	}.Run(ctx)
}
