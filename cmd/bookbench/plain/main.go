// Plain has the rows of bookbench whose programs link grpc-go, go-kit and zipkin-go only.
package main

import (
	"bookservice/cmd/bookbench/internal/kit"
	"bookservice/cmd/bookbench/internal/side"
	"bookservice/cmd/internal/heap"
)

func main() {
	bridged := kit.Serve(kit.OpenBridge)
	side.Main(map[string]side.Way{
		"raw grpc-go": {Serve: side.ServeRaw, Dial: side.DialRaw},
		"raw grpc-go, heap as ours": {
			Serve: func(e *side.Env) (string, error) { keepHeap(e); return side.ServeRaw(e) },
			Dial: func(e *side.Env, addr string) (side.Call, error) {
				keepHeap(e)
				return side.DialRaw(e, addr)
			},
		},
		"go-kit, untraced":       {Serve: kit.Serve(nil), Dial: kit.Dial(nil)},
		"the tutorial's program": {Serve: bridged, Dial: kit.DialTutorial},
		"go-kit, bare bridge, zipkin-go's reporter": {
			Serve: bridged, Dial: kit.Dial(kit.OpenBridge),
		},
		"the same behind go-kit's balancer, retry and hystrix": {
			Serve: bridged, Dial: kit.DialHystrix,
		},
		"zipkin-go's stats handler": {Serve: serveZipkinGo, Dial: dialZipkinGo},
	})
}

// keepHeap sets the size of the heap that our commands have by default.
func keepHeap(e *side.Env) {
	stop := heap.Keep(e.Heap)
	e.OnClose(func() error { stop(); return nil })
}
