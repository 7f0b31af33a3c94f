// Package discoverytest is a conformance suite for implementations of [discovery.Registry],
// including those of other modules. [Run] opens registries and checks these promises:
//
//   - An instancer lists registered instances, whether it was created before or after them.
//     Registering again has no effect.
//   - A deregistered instance is not listed any more. Deregistering again has no effect.
//   - The instances of different services are separate.
//   - A subscriber gets the list at once. Lists are sorted, have no duplicates, and belong to the
//     receiver.
//   - A slow subscriber does not delay others, and gets the latest list.
//   - Nothing is sent on a channel after Deregister has returned.
//   - Go-kit's endpointer works with an instancer.
//   - Invalid addresses and service names are errors.
//   - Stop and Close may be called again. Calls after Close return [discovery.ErrClosed].
//   - All methods may be called concurrently. Run the suite with -race to check this.
//
// For a kind whose list is fixed, the parts that need registering to change the list are left out.
package discoverytest
