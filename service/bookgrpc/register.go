package bookgrpc

import (
	"maps"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"bookservice/api/book"
)

// alias is the name of the service without the proto package. Clients that were generated from a
// .proto file without a package call /BookService/GetBookInfo.
const alias = "BookService"

// Register registers srv with s under the names book.BookService and BookService. Interceptors and
// spans see the name book.BookService for both.
func Register(s grpc.ServiceRegistrar, srv book.BookServiceServer) {
	book.RegisterBookServiceServer(s, srv)
	desc := book.BookService_ServiceDesc
	desc.ServiceName = alias
	s.RegisterService(&desc, srv)
}

// RegisterReflection registers gRPC's reflection service, versions v1 and v1alpha, with s. It lists
// all services of s, including those that are registered later, except the alias BookService. The
// alias has no descriptor, and tools request a descriptor for each service in the list.
func RegisterReflection(s *grpc.Server) {
	opts := reflection.ServerOptions{Services: describedServices{s}}
	reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(opts))
	reflectionv1alpha.RegisterServerReflectionServer(s, reflection.NewServer(opts))
}

// describedServices provides the services that have a descriptor.
type describedServices struct{ server *grpc.Server }

func (d describedServices) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := maps.Clone(d.server.GetServiceInfo())
	delete(services, alias)
	return services
}
