package discovery

import "time"

// A Status is what a [Registry] knows at one moment, without asking etcd.
type Status struct {
	// Registrations are those that Register was called for, and Deregister not since, sorted by
	// service and address. A registry of kind "static" has none.
	Registrations []RegistrationStatus

	// Services has one element for each instancer that is not stopped, sorted by service.
	Services []ServiceStatus
}

// A RegistrationStatus is the state of the registration of one instance.
type RegistrationStatus struct {
	Service, Address string

	// Registered reports whether the last check found or created the registration. Checks take
	// place three times in a TTL, or more often after a failure.
	Registered bool

	// Err is the error of the last check, and nil if Registered is true. If etcd did not answer,
	// the key may still be in etcd.
	Err error

	// Since is when Registered has changed, or when Register was called.
	Since time.Time
}

// A ServiceStatus is the state of one instancer.
type ServiceStatus struct {
	Service string

	Instances int // length of the list
	Kept      int // instances in it that are not in etcd any more: see the package documentation
	Skipped   int // keys whose value is no address of an instance

	// Age is how long ago etcd has last shown that the list is current: with a response, or with a
	// byte on the connection of the watch. If etcd has not answered yet, Age counts from the
	// creation of the instancer. It is 0 for a list that never changes.
	Age time.Duration

	// Err is the error of the current outage, or nil.
	Err error
}
