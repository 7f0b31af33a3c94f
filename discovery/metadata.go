package discovery

import "github.com/go-kit/kit/sd"

// Metadata returns what the instance with an address has registered beside the address, in a new
// map. The names "version", "zone" and "weight" have the same meaning in all formats of values. It
// returns nil if there is no metadata, or if the instancer is not of a registry of kind "etcd".
func Metadata(i sd.Instancer, address string) map[string]string {
	if e, ok := i.(*etcdInstancer); ok {
		return e.instances.metadataOf(address)
	}
	return nil
}
