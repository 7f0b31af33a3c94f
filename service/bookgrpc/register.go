package bookgrpc

import (
	"maps"

	"bookservice/api/book"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

// alias is the service's name without the proto package. There are clients that were generated from a .proto file
// without one, and call /BookService/GetBookInfo.
const alias = "BookService"

// Register registers srv with s under its own name, book.BookService, and under the alias BookService. To interceptors
// and spans both are the one service.
func Register(s grpc.ServiceRegistrar, srv book.BookServiceServer) {
	book.RegisterBookServiceServer(s, srv)
	desc := book.BookService_ServiceDesc
	desc.ServiceName = alias
	s.RegisterService(&desc, srv)
}

// RegisterReflection registers gRPC's reflection service with s, versions v1 and v1alpha. It shows every service that is
// registered, before or after, but the alias: that has no descriptor, and who lists services asks for descriptors next.
func RegisterReflection(s *grpc.Server) {
	opts := reflection.ServerOptions{Services: described{s}}
	reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(opts))
	reflectionv1alpha.RegisterServerReflectionServer(s, reflection.NewServer(opts))
}

// described provides the services that have descriptors.
type described struct{ server *grpc.Server }

func (d described) GetServiceInfo() map[string]grpc.ServiceInfo {
	services := maps.Clone(d.server.GetServiceInfo())
	delete(services, alias)
	return services
}
