package bus

// Dir is where the server stores.
func Dir(s *Server) string { return s.dir }
