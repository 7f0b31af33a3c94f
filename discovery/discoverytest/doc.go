// Package discoverytest is the suite that every discovery passes, a third party's
// as well. Run checks, on real registries that its caller opens:
//
//   - a registered instance is seen by an instancer that was there before and by
//     one that comes later, and Register is nothing the second time;
//   - a deregistered instance is gone, and Deregister is nothing the second time;
//   - the instances of two services do not mix;
//   - a subscriber gets the list at once, sorted, each instance once, and owns it;
//   - a subscriber that does not receive blocks nobody;
//   - nothing is sent on a channel after its Deregister has returned;
//   - go-kit's endpointer works on an instancer;
//   - what cannot be an address or a service is refused;
//   - Stop and Close may be called again, and after Close calls give ErrClosed;
//   - all of it may be used by several goroutines at a time: run it with -race.
//
// A kind whose list is fixed skips what registering would change.
package discoverytest
