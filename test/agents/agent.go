package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// agent is a program that is given one prompt, does what its model says, and ends.
type agent struct {
	name     string
	asks     int  // requests to models with which a turn begins
	sessions bool // it says in which session it asks
	// tool is how the agent names a tool of the MCP server to its model.
	tool func(server, tool string) string
	// prepare writes the agent's settings into home and returns its command. again goes on with the session that home holds.
	prepare func(w *world, home, server, prompt string, again bool) (program string, args, env []string, err error)
}

// turn bounds one run of an agent.
const turn = 2 * time.Minute

func agents(modules string) []agent {
	bin := programs(modules)
	return []agent{
		claude(bin, "Claude Code", func(w *world) []string {
			return []string{"ANTHROPIC_BASE_URL=" + w.fleet.URL + "/anthropic", "ANTHROPIC_AUTH_TOKEN=" + virtualKey}
		}),
		claude(bin, "Claude Code on Bedrock", func(w *world) []string {
			return []string{
				"CLAUDE_CODE_USE_BEDROCK=1", "AWS_REGION=eu-west-1", "ANTHROPIC_BEDROCK_BASE_URL=" + w.fleet.URL + "/bedrock", "AWS_BEARER_TOKEN_BEDROCK=" + virtualKey,
			}
		}),
		codex(bin),
		gemini(bin),
	}
}

// programs is the folder of what npm has installed.
type programs string

func (p programs) named(name string) string { return filepath.Join(string(p), ".bin", name) }

// claude is Claude Code with one way to its model.
func claude(bin programs, name string, access func(w *world) []string) agent {
	return agent{
		name: name, asks: 1, sessions: true,
		tool: func(server, tool string) string { return "mcp__" + server + "__" + tool },
		prepare: func(w *world, home, server, prompt string, again bool) (string, []string, []string, error) {
			config, err := json.Marshal(map[string]any{"mcpServers": map[string]any{server: map[string]any{
				"type": "http", "url": w.fleet.URL + "/mcp/" + server, "headers": map[string]string{"Authorization": "Bearer " + virtualKey},
			}}})
			allowed := fmt.Sprintf("mcp__%[1]s__query_sales,mcp__%[1]s__update_sales", server)
			args := []string{"-p", prompt, "--mcp-config", string(config), "--strict-mcp-config", "--allowedTools", allowed}
			if again {
				args = append(args, "--continue")
			}
			return bin.named("claude"), args, append(access(w),
				"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "CLAUDE_CONFIG_DIR="+filepath.Join(home, ".claude")), err
		},
	}
}

func codex(bin programs) agent {
	return agent{
		name: "Codex", asks: 1, sessions: true,
		tool: func(server, tool string) string { return "mcp__" + server + "/" + tool },
		prepare: func(w *world, home, server, prompt string, again bool) (string, []string, []string, error) {
			config := fmt.Sprintf(`model = "gpt-5.5"
model_provider = "gateway"
[model_providers.gateway]
name = "gateway"
base_url = "%s/openai/v1"
wire_api = "responses"
env_key = "BARTIZAN_KEY"
[mcp_servers.%s]
url = "%s/mcp/%s"
bearer_token_env_var = "BARTIZAN_KEY"
default_tools_approval_mode = "approve"
`, w.fleet.URL, server, w.fleet.URL, server)
			err := write(filepath.Join(home, ".codex", "config.toml"), config)
			args := []string{"exec", "--skip-git-repo-check"}
			if again {
				args = append(args, "resume", "--last")
			}
			return bin.named("codex"), append(args, prompt),
				[]string{"CODEX_HOME=" + filepath.Join(home, ".codex"), "BARTIZAN_KEY=" + virtualKey}, err
		},
	}
}

func gemini(bin programs) agent {
	return agent{
		name: "Gemini CLI", asks: 2, // it asks a small model first which one is to answer
		tool: func(server, tool string) string { return "mcp_" + server + "_" + tool },
		prepare: func(w *world, home, server, prompt string, again bool) (string, []string, []string, error) {
			settings := fmt.Sprintf(`{"security":{"auth":{"selectedType":"gemini-api-key"}},"privacy":{"usageStatisticsEnabled":false},
"general":{"disableAutoUpdate":true},
"mcpServers":{%q:{"httpUrl":"%s/mcp/%s","headers":{"Authorization":"Bearer %s"},"trust":true}}}`, server, w.fleet.URL, server, virtualKey)
			err := write(filepath.Join(home, ".gemini", "settings.json"), settings)
			args := []string{"-p", prompt, "--approval-mode", "yolo"}
			if again {
				args = append(args, "--resume", "latest")
			}
			return bin.named("gemini"), args,
				[]string{"GEMINI_API_KEY=" + virtualKey, "GOOGLE_GEMINI_BASE_URL=" + w.fleet.URL + "/gemini", "GEMINI_CLI_TRUST_WORKSPACE=true"}, err
		},
	}
}

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// outside leads every request to another host to a port where nobody listens.
var outside = []string{"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "NO_PROXY=127.0.0.1,localhost"}

// ask runs the agent once in a home of its own, which may hold a session to go on with, and returns what it printed.
func (a agent) ask(ctx context.Context, w *world, home, server, prompt string, again bool) (string, error) {
	program, args, own, err := a.prepare(w, home, server, prompt, again)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, turn)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = home
	cmd.Env = append(append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=dumb", "NO_COLOR=1"}, outside...), own...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("it did not end within %s", turn)
	}
	return strings.TrimSpace(string(out)), err
}
