package client

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"bookservice/service/bookendpoint"
	"bookservice/service/client/internal/balance"
)

const (
	// connectSlots instances begin to connect within each connectPause. So 1,000 new instances do
	// not take the processor from calls: a connection needs about 0.3 ms of it.
	connectSlots = 4
	connectPause = 8 * time.Millisecond

	// A connection that is lost within shortLived is made again after reconnectPause. Others are
	// made again at once.
	shortLived     = time.Second
	reconnectPause = 200 * time.Millisecond
)

// retired is added to the number of calls of an instance that is retired.
const retired = math.MinInt64 / 2

// An instance is one server and its connection. Closing a gRPC connection fails its active calls.
// The connection is therefore closed only when the instance is retired and its last call has ended.
type instance struct {
	addr     string
	pool     *pool
	endpoint *balance.Endpoint
	conn     *grpc.ClientConn // nil until it is made, before the endpoint is up or down
	set      bookendpoint.Set

	calls     atomic.Int64 // active, plus retired
	quit      chan struct{}
	closeOnce sync.Once
}

// acquire reports whether a call may use the connection. If so, release must be called at the
// call's end.
func (in *instance) acquire() bool {
	if in.calls.Add(1) > 0 {
		return true
	}
	in.release()
	return false
}

func (in *instance) release() {
	if in.calls.Add(-1) == retired {
		in.close()
	}
}

// retire declines further calls, and closes the connection if no call is active. It must be called
// once.
func (in *instance) retire() {
	close(in.quit)
	if in.calls.Add(retired) == retired {
		in.close()
	}
}

func (in *instance) close() {
	in.closeOnce.Do(func() {
		if in.conn != nil {
			in.conn.Close() // fails only if the connection is closed already
		}
		in.pool.open.Done()
	})
}

// run makes the connection and reports its states until it is closed.
func (in *instance) run() {
	defer in.pool.open.Done()
	if !in.connect() {
		return
	}
	known, connected, joined := balance.Connecting, time.Time{}, false
	for {
		state := in.conn.GetState()
		switch state {
		case connectivity.Shutdown:
			return
		case connectivity.Ready:
			known, connected = balance.Up, time.Now()
			if !joined {
				joined = true
				in.pool.joined(connected)
			}
		case connectivity.TransientFailure:
			known = balance.Down
		default: // a connection that has failed stays down until it succeeds
			if known == balance.Up {
				known = balance.Connecting
			}
		}
		in.setState(known)
		if state == connectivity.Idle {
			in.reconnect(time.Since(connected) < shortLived)
		}
		in.conn.WaitForStateChange(context.Background(), state) // Close changes it, too
	}
}

// connect makes the connection when it is its turn. It reports whether there is one.
func (in *instance) connect() bool {
	select {
	case in.pool.slots <- struct{}{}:
		defer time.AfterFunc(connectPause, func() { <-in.pool.slots })
		return in.dial()
	case <-in.quit:
		return false
	}
}

// dial makes the connection unless the instance is retired. It reports whether there is one.
func (in *instance) dial() bool {
	if !in.acquire() {
		return false
	}
	defer in.release()
	conn, set, err := in.pool.dial(in.addr)
	if err != nil {
		in.pool.logger.Warn("discovery", "instance", in.addr, "err", err)
		in.setState(balance.Broken)
		return false
	}
	in.conn, in.set = conn, set
	return true
}

func (in *instance) setState(s balance.State) {
	b := in.pool.balancer
	b.SetState(b.Now(), in.endpoint, s)
}

// reconnect makes a lost connection again. After a short-lived one it waits before.
func (in *instance) reconnect(short bool) {
	if short {
		pause := time.NewTimer(reconnectPause)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-in.quit:
			return // the connection is closed when its calls have ended
		}
	}
	in.conn.Connect()
}
