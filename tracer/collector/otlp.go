package collector

import "net/http"

func (c *Collector) postOTLP(w http.ResponseWriter, r *http.Request) { notFound(w, r) }
