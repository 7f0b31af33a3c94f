package main

// A limit is the most that a figure may be. measure also returns what makes up the figure, if it
// can be listed.
type limit struct {
	name    string
	most    int
	measure func(*program) (int, []string, error)
}

// limits is the table, one line a limit. The program is one that sends spans to Zipkin over HTTP.
func limits() []limit {
	return []limit{
		{"size of the program, bytes", 11_000_000, (*program).size},
		{"packages in the program, standard library included", 240, (*program).packages},
		{"modules in the program", 12, (*program).modules},
		{"start-up of its packages, microseconds (best of 20)", 1_000, (*program).startUp},
		{"packages of gRPC in tracer beside those of the bridge", 0, (*program).grpc},
		{"packages of OpenTelemetry, franz-go or amqp091 in tracer", 0, (*program).backends},
		{"files in tracer", 22, (*program).files},
		{"files of one package that refer to each other in a circle", 10, (*program).circle},
	}
}
