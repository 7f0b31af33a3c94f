// Package balance selects the endpoint of a call among those of a list that changes. It knows
// addresses, latencies and failures, and nothing of connections and protocols.
//
// A [Balancer] selects in this order: the endpoints that are up and not ejected, or, if there are
// none and none is connecting, those that are down.
//
// # Statistics
//
// Statistics belong to an address: the latency, the calls in flight, and the successes and failures
// of an interval. They survive changes of the list. Those of the 1,024 addresses that left last are
// kept, so that an address that comes back is known.
//
// The latency is Finagle's peak EWMA: a call that lasts longer than the average sets the average,
// and a shorter one moves it with a time constant of 3 s. A failure counts as ten times the median
// of all endpoints, 1 s at most, because an endpoint that fails fast must not attract calls.
// The load counts the time for which calls have had no success if that is more: the calls of an
// endpoint that hangs do not end. So it is not preferred while the others are slow, too.
//
// # Pickers
//
//   - p2c: the better of two random endpoints. Its load is latency × (calls in flight + 1).
//   - round_robin: one after the other.
//   - random: a random one.
//   - weighted: as often as the weight says, interleaved, by the static stride scheduler of gRFC
//     A58. An endpoint with the weight 0 gets first attempts only if all have the weight 0.
//
// p2c treats loads as equal if the larger one is less than 1.5 times the smaller one: otherwise
// differences of microseconds would move all calls to one endpoint. An endpoint that was not picked
// for 1 s, has no call in flight, and loses four more comparisons wins the fifth one, so that its
// latency becomes known again. An endpoint without statistics has the median latency until its
// first call has ended. When an endpoint is up for the first time since it is in the list, or
// returns from an ejection, its chance to be compared is a tenth; it grows to the full one within
// 10 s. With a tenth of the chance, it is compared in any case with an endpoint that has 15 times
// its load, which may hang.
//
// An endpoint is silent if calls have had no success, and no failure within 40 ms, for four times
// its latency, 40 ms at least and 4 s at most. The latency of an endpoint that has never answered
// is the median. If a pick is a silent endpoint, a random one that is not silent is taken instead,
// in the same zone if there is one. With p2c, 40 ms are enough if the other one's load is less:
// both endpoints of a pair hang in a third of the pairs if two of three do. Silent endpoints are
// tested by forced picks, whatever the picker, and 200 ms apart.
//
// # Endpoints of another service
//
// An endpoint that does not serve a method, and has had no success since its connection was made,
// is set aside: it gets calls only if no other endpoint is up, connecting or down. The median, the
// ejections and the zones leave it out. Once a second it is tested by the first attempt of a call;
// all such endpoints together get 5 tests a second. With a success, or a new connection, it can be
// picked again. An endpoint that serves other methods stays in use, and the call counts as a
// failure.
//
// # Further attempts
//
// For a further attempt of a call, the pickers except p2c select a random endpoint that the call
// has not tried. So the calls of an endpoint that fails are distributed to all others.
//
// # Zones
//
// The rule is that of Envoy's zone aware routing ("Zone aware routing" in its documentation), with
// the assumption that each zone with endpoints has the same number of calls. Capacity is the number
// of endpoints that can be picked, or the sum of their weights with the picker weighted. If the
// client's zone has at least its share of the capacity, 1/zones, all calls stay in it. If it has
// less, as many calls stay as its capacity allows. The others go to the zones that have more than
// their share, in proportion to the surplus. If no endpoint has the client's zone, each zone gets
// calls in proportion to its capacity. Envoy applies its rule from 6 hosts on; there is no such
// limit here. The endpoints without a zone are a zone, too.
//
// # Ejection
//
// Outliers are ejected as in gRFC A50, by success rate and by failure percentage: see [Ejection].
// If less than half of the endpoints whose state is known are up and not ejected, ejections have no
// effect.
package balance
