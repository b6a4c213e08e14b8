// The one translation unit that holds Boost.Asio's own code, TLS included.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
