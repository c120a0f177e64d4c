package envoy

import (
	"time"

	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	heapv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/fixed_heap/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	heapMonitor       = "envoy.resource_monitors.fixed_heap"
	connectionMonitor = "envoy.resource_monitors.global_downstream_max_connections"
)

// overloadManager bounds Envoy's memory and its client connections. The thresholds are those of Envoy's guide for the edge:
// stop keeping connections first, then give memory back, then refuse work.
func overloadManager(c Config) (*overloadv3.OverloadManager, error) {
	heap, err := monitor(heapMonitor, &heapv3.FixedHeapConfig{MaxHeapSizeBytes: c.HeapBytes})
	if err != nil {
		return nil, err
	}
	connections, err := monitor(connectionMonitor,
		&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: int64(c.MaxConnections)})
	if err != nil {
		return nil, err
	}
	return &overloadv3.OverloadManager{
		RefreshInterval:  durationpb.New(250 * time.Millisecond),
		ResourceMonitors: []*overloadv3.ResourceMonitor{heap, connections},
		Actions: []*overloadv3.OverloadAction{
			above(0.92, "envoy.overload_actions.disable_http_keepalive"),
			above(0.95, "envoy.overload_actions.shrink_heap"),
			above(0.98, "envoy.overload_actions.stop_accepting_requests"),
		},
	}, nil
}

func monitor(name string, config proto.Message) (*overloadv3.ResourceMonitor, error) {
	a, err := toAny(config)
	if err != nil {
		return nil, err
	}
	return &overloadv3.ResourceMonitor{
		Name: name, ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: a},
	}, nil
}

// above takes action when that share of the heap is in use.
func above(share float64, action string) *overloadv3.OverloadAction {
	return &overloadv3.OverloadAction{Name: action, Triggers: []*overloadv3.Trigger{{
		Name:         heapMonitor,
		TriggerOneof: &overloadv3.Trigger_Threshold{Threshold: &overloadv3.ThresholdTrigger{Value: share}},
	}}}
}
