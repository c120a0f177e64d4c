package xds

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"

	"bartizan/envoy/socket"
)

// WriteClients writes what to type so that the usual clients use this gateway through a listener, which has an address (host:port) now.
func (l *Loaded) WriteClients(w io.Writer, at Listener, address string) error {
	base := "http://" + reachable(address)
	if at.TLS {
		base = "https://" + reachable(address)
	}
	b := bufio.NewWriter(w) // keeps the first error for Flush
	for _, t := range l.Targets {
		url := base + t.Path
		switch t.Kind {
		case "anthropic":
			// Claude Code sends both kinds of key where both are set, and two keys that differ are refused.
			fmt.Fprintf(b, "\n  %s, with Claude Code:\n    env -u ANTHROPIC_API_KEY ANTHROPIC_BASE_URL=%s ANTHROPIC_AUTH_TOKEN=<virtual key> claude\n", t.Name, url)
		case "openai":
			fmt.Fprintf(b, "\n  %s, with an OpenAI SDK:\n    export OPENAI_BASE_URL=%s/v1 OPENAI_API_KEY=<virtual key>\n", t.Name, url)
		case "bedrock":
			fmt.Fprintf(b, "\n  %s, with an AWS SDK:\n    export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=%s AWS_BEARER_TOKEN_BEDROCK=<virtual key>\n", t.Name, url)
		case "gemini":
			fmt.Fprintf(b, "\n  %s, with Gemini CLI or a Gen AI SDK:\n    export GOOGLE_GEMINI_BASE_URL=%s GEMINI_API_KEY=<virtual key>\n", t.Name, url)
		case "mcp":
			fmt.Fprintf(b, "\n  %s, with an MCP client (Streamable HTTP):\n    claude mcp add --transport http %[1]s %s --header \"Authorization: Bearer <virtual key>\"\n", t.Name, url)
		default:
			fmt.Fprintf(b, "\n  %s:\n    %s, with the virtual key as x-api-key, x-goog-api-key or Authorization: Bearer\n", t.Name, url)
		}
	}
	if l.aggregate && l.servers() > 0 {
		fmt.Fprintf(b, "\n  all MCP servers at one endpoint:\n    claude mcp add --transport http bartizan %s/mcp --header \"Authorization: Bearer <virtual key>\"\n", base)
	}
	return b.Flush()
}

// reachable is the address to type on this machine for one that a listener has: "any address" is no destination everywhere.
func reachable(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	return net.JoinHostPort("localhost", fmt.Sprint(at.Port()))
}

// Free reports the first listener whose port another program has: as Envoy would, but at once and by name.
func (l *Loaded) Free() error {
	for _, at := range l.Listeners {
		if err := socket.Free(at.Address); err != nil {
			return fmt.Errorf("listener %s of the Gateway: %w (end the program that has it, or change spec.listeners)", at.Name, err)
		}
	}
	return nil
}
