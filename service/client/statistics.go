package client

import "time"

// Stats is the state of a client's instances at one time.
type Stats struct {
	Instances []InstanceStats // those that discovery provides, by address
	Ejections uint64          // since New
	Returns   uint64          // of ejected instances, since New
}

// InstanceStats is the state of one instance. The counts are those of attempts. They begin anew if
// the instance is missing in discovery's list for long.
type InstanceStats struct {
	Address string
	Zone    string  // by its metadata; empty if the client has no zone
	Weight  float64 // by its metadata, if the balancer is weighted or the client has a zone; else 1

	// State is "up", "connecting", "down" (the last attempt to connect has failed) or "broken" (the
	// connection cannot be created; the error is logged).
	State   string
	Ejected bool

	InFlight  int
	Latency   time.Duration // average, by which p2c compares; 0 before the first attempt has ended
	Successes uint64        // business errors included
	Failures  uint64        // what the caller has cancelled is not counted
}

// Stats returns the state of the client's instances. It takes some time if there are many.
func (c *Client) Stats() Stats {
	snapshot := c.pool.balancer.Snapshot()
	s := Stats{
		Instances: make([]InstanceStats, len(snapshot.Endpoints)),
		Ejections: snapshot.Ejections,
		Returns:   snapshot.Returns,
	}
	for i, e := range snapshot.Endpoints {
		s.Instances[i] = InstanceStats{
			Address:   e.Address,
			Zone:      e.Zone,
			Weight:    e.Weight,
			State:     e.State.String(),
			Ejected:   e.Ejected,
			InFlight:  int(e.InFlight),
			Latency:   e.Latency,
			Successes: e.Successes,
			Failures:  e.Failures,
		}
	}
	return s
}
