package configs_test

import (
	"fmt"
	"os"

	"bookservice/configs"
)

// The shipped files are in this folder.
func ExampleParseServer() {
	args := []string{"-config", "bookserver.yaml", "-grpc-addr", "127.0.0.1:50052"}
	c, err := configs.ParseServer(args, os.Stdout)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.GRPCAddr)
	_, err = configs.ParseServer([]string{"-drain-delay", "soon"}, os.Stdout)
	fmt.Println(err)
	// Output:
	// 127.0.0.1:50052
	// -drain-delay "soon": must be a duration, such as 500ms or 10s
}
