package e2e
import ("testing";"time";"net";"io";"fmt";"os";"strings";"bartizan/test/env";"os/exec")
func TestZZ(t *testing.T) {
	w := start(t, env.FleetOptions{})
	w.judges(t)
	for range stalled {
		conn, _ := net.DialTimeout("tcp", strings.TrimPrefix(w.URL, "http://"), patience)
		defer conn.Close()
		conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		io.WriteString(conn, rawMessages("stalled", fmt.Sprintf("big:%d", 4<<20), true))
	}
	for range 20 {
		time.Sleep(500*time.Millisecond)
		r := w.resident(t)
		alloc, _ := w.Metric(t.Context(), "go_memstats_heap_alloc_bytes")
		inuse, _ := w.Metric(t.Context(), "go_memstats_heap_inuse_bytes")
		idle, _ := w.Metric(t.Context(), "go_memstats_heap_idle_bytes")
		stack, _ := w.Metric(t.Context(), "go_memstats_stack_inuse_bytes")
		st,_ := w.Envoy.Stats(t.Context(), `(anthropic.*cx_rx_bytes_(total|buffered)|extproc.*bytes_(total|buffered)|http.http.downstream_cx_tx_bytes_(total|buffered))$`)
		n:=0
		for _, q := range w.upstreamOf("stalled") { if q.Ended=="" {n++} }
		b,_ := os.ReadFile("/proc/net/sockstat")
		t.Log(r.envoy>>20, r.extproc>>20, "heap", int(alloc)>>20, int(inuse)>>20, int(idle)>>20, int(stack)>>20, n, st, strings.Split(string(b),"\n")[1])
	}
	out, _ := exec.Command("sh","-c","ss -tnmp 2>/dev/null | grep -A1 envoy | head -8").CombinedOutput()
	t.Log(string(out))
}
