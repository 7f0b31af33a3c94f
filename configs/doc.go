// Package configs holds the shipped YAML files and reads the settings of the commands.
//
// The flags of a command are all its settings. Each area (tracer, discovery, service) has its own
// Config, flags and validation. The environment and a file set the same flags:
//
//	bookserver -zipkin-url http://zipkin:9411/api/v2/spans
//	BOOKSERVER_ZIPKIN_URL=http://zipkin:9411/api/v2/spans bookserver
//	bookserver -config bookserver.yaml # zipkin-url: http://zipkin:9411/api/v2/spans
//
// A flag overrides a variable, a variable overrides the file, and the file overrides the default.
// Only the value in force is parsed.
//
// # Environment
//
// An empty variable counts as not set. A variable that begins with the command's prefix and is no
// setting is an error; so are -version, -print-config and -h as variables. Ignored are the
// variables that Kubernetes and Docker set for services and links whose names begin with the
// command's, such as BOOKSERVER_SERVICE_HOST and BOOKSERVER_PORT_50051_TCP; BOOKSERVER_PORT is one
// of them if its value begins with tcp://, udp:// or sctp://.
//
// # Files
//
// A file is one YAML document: a mapping of flag names to values. A value is the text as it is
// written, whatever type YAML sees in it: 0123, 1.10, off, ~ and null are these texts. The value of
// a list may also be a sequence of texts without commas. Keys without a value, keys that are there
// twice, unknown keys, anchors, aliases, merge keys and tags other than !!str are errors.
//
// # Errors
//
// An error about a setting is one line: -flag value: must be … It begins with the file and the line
// or with the variable that the value comes from:
//
//	bookserver.yaml:12: -ttl 1s: must be 2s or more, in whole seconds
//	BOOKSERVER_TTL: -ttl "soon": must be a duration, such as 500ms or 10s
//
// Errors of the areas get this prefix if they have a method Setting() string that returns the name
// of the flag.
//
// # Secrets
//
// Help, printed configuration and errors show "xxxxx" in the place of passwords, tokens and
// headers, and of the userinfo, query and fragment of URLs, in any setting. [Secrets.Mask] does the
// same for all other output of a command.
package configs
