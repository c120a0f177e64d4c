package envoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// Names of the two clusters that Envoy knows from its start; all others come over xDS, which may not use these names.
const (
	XDSCluster     = "xds"
	ExtProcCluster = "extproc"
)

// Bootstrap returns what Envoy starts with: who it is, where its configuration comes from, the cluster of the inspection service,
// an admin interface for its owner, and its limits. No listener, route or secret is in it. Its stats are bounded: their
// names are those of our listeners and clusters, never of what a client sends.
func Bootstrap(c Config) (*bootstrapv3.Bootstrap, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	overload, err := overloadManager(c)
	if err != nil {
		return nil, err
	}
	clusters, err := staticClusters(c)
	if err != nil {
		return nil, err
	}
	b := &bootstrapv3.Bootstrap{
		Node:             &corev3.Node{Id: c.NodeID, Cluster: c.Cluster},
		DynamicResources: dynamicResources(),
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Clusters: clusters},
		Admin:            adminInterface(c.AdminSocket()),
		OverloadManager:  overload,
		LayeredRuntime:   layeredRuntime(),
	}
	if err := b.ValidateAll(); err != nil {
		return nil, fmt.Errorf("validate Envoy bootstrap: %w", err)
	}
	return b, nil
}

// BootstrapJSON is Bootstrap as Envoy reads it.
func BootstrapJSON(c Config) ([]byte, error) {
	b, err := Bootstrap(c)
	if err != nil {
		return nil, err
	}
	return encode(b)
}

// encode writes a message as Envoy reads it: indented, and byte for byte the same for the same message.
func encode(m proto.Message) ([]byte, error) {
	name := m.ProtoReflect().Descriptor().Name()
	compact, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode Envoy's %s: %w", name, err)
	}
	var out bytes.Buffer // protojson varies its white space on purpose
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("indent Envoy's %s: %w", name, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// WriteBootstrap writes what Envoy starts with into RunDir, which it makes (mode 0700), and returns the path for Envoy's --config-path.
// Only the owner may read the files.
func WriteBootstrap(c Config) (string, error) {
	files := map[string]proto.Message{}
	bootstrap, err := Bootstrap(c)
	if err != nil {
		return "", err
	}
	files[c.bootstrapFile()] = bootstrap
	if err := c.addTrust(files); err != nil {
		return "", err
	}
	if err := privateDir(c.RunDir); err != nil {
		return "", err
	}
	for path, m := range files {
		data, err := encode(m)
		if err != nil {
			return "", err
		}
		if err := replace(path, data); err != nil {
			return "", fmt.Errorf("write Envoy bootstrap: %w", err)
		}
	}
	return c.bootstrapFile(), nil
}

func (c Config) bootstrapFile() string { return filepath.Join(c.RunDir, "envoy.json") }

// replace writes a file anew: WriteFile would keep the mode of an old one.
func replace(path string, data []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// dynamicResources takes everything from one delta ADS stream. Envoy waits for its first configuration without a limit of
// time (initial_fetch_timeout 0): by default it would go live without listeners after 15 s.
func dynamicResources() *bootstrapv3.Bootstrap_DynamicResources {
	ads := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			ResourceApiVersion:    corev3.ApiVersion_V3,
			InitialFetchTimeout:   durationpb.New(0),
		}
	}
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: ads(),
		CdsConfig: ads(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:                   corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion:       corev3.ApiVersion_V3,
			SetNodeOnFirstMessageOnly: true,
			GrpcServices: []*corev3.GrpcService{{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: XDSCluster, RetryPolicy: reconnect()},
			}}},
		},
	}
}

// reconnect returns to a restarted control server within seconds; Envoy's own back-off grows to half a minute.
func reconnect() *corev3.RetryPolicy {
	return &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
		BaseInterval: durationpb.New(200 * time.Millisecond), MaxInterval: durationpb.New(5 * time.Second),
	}}
}

// adminInterface allows what the launcher and a person need. Left out on purpose: /logging (debug would log credentials), /config_dump, the
// profilers, and /runtime_modify. Prefixes, where a query may follow: Envoy compares it too.
func adminInterface(socket string) *bootstrapv3.Admin {
	exact := func(p string) *matcherv3.StringMatcher {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: p}}
	}
	prefix := func(p string) *matcherv3.StringMatcher {
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: p}}
	}
	return &bootstrapv3.Admin{
		Address:               pipe(socket, 0o600),
		IgnoreGlobalConnLimit: true, // full of clients, it must still answer us
		AllowPaths: []*matcherv3.StringMatcher{
			exact("/ready"), exact("/server_info"), exact("/certs"), exact("/quitquitquit"), exact("/healthcheck/fail"),
			prefix("/listeners"), prefix("/clusters"), prefix("/stats"), prefix("/drain_listeners"),
		},
	}
}

// layeredRuntime has one static layer: without the admin layer or a directory, nothing changes Envoy's flags while it runs.
func layeredRuntime() *bootstrapv3.LayeredRuntime {
	static := &bootstrapv3.RuntimeLayer_StaticLayer{StaticLayer: &structpb.Struct{}}
	return &bootstrapv3.LayeredRuntime{Layers: []*bootstrapv3.RuntimeLayer{{Name: "static", LayerSpecifier: static}}}
}

func staticClusters(c Config) ([]*clusterv3.Cluster, error) {
	xds, err := xdsCluster(c)
	if err != nil {
		return nil, err
	}
	extproc, err := extProcCluster(c.ExtProcSocket)
	if err != nil {
		return nil, err
	}
	return []*clusterv3.Cluster{xds, extproc}, nil
}

func pipe(path string, mode uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path, Mode: mode}}}
}

func toAny(m proto.Message) (*anypb.Any, error) {
	a, err := anypb.New(m)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", m.ProtoReflect().Descriptor().FullName(), err)
	}
	return a, nil
}
