/**
 * Names that HAProxy 2.6 knows and this balancer does not, so that a file which uses them is told
 * "unsupported" and not "did you mean". A name leaves its list when it is implemented.
 */
const names = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/**
 * Fetches: what the kernel counts of a connection (the runtime has no TCP_INFO), secrets of TLS
 * that the runtime keeps to itself, and HAProxy's own inside.
 */
export const FOREIGN_FETCHES = names(`
  bc_err bc_err_str cpu_calls cpu_ns_avg cpu_ns_tot distcc_body distcc_param
  fc_fackets fc_lost fc_rcvd_proxy fc_reordering fc_retrans fc_rtt fc_rttvar fc_sacked fc_unacked
  fcgi.docroot fcgi.index internal.htx.data internal.htx.free internal.htx.free_data
  internal.htx.has_eom internal.htx.nbblks internal.htx.size internal.htx.used
  internal.htx_blk.data internal.htx_blk.hdrname internal.htx_blk.hdrval internal.htx_blk.size
  internal.htx_blk.start_line internal.htx_blk.type internal.strm.is_htx lat_ns_avg lat_ns_tot
  prio_class prio_offset req.ssl_ec_ext req.ssl_st_ext res.body res.body_len res.body_size
  sc1_clr_gpc sc_clr_gpc src_clr_gpc ssl_bc_client_random ssl_bc_err ssl_bc_err_str ssl_bc_npn
  ssl_bc_server_random ssl_bc_session_key ssl_bc_unique_id ssl_c_chain_der ssl_fc_cipherlist_bin
  ssl_fc_cipherlist_hex ssl_fc_cipherlist_str ssl_fc_cipherlist_xxh
  ssl_fc_client_early_traffic_secret ssl_fc_client_handshake_traffic_secret ssl_fc_client_random
  ssl_fc_client_traffic_secret_0 ssl_fc_early_exporter_secret ssl_fc_ecformats_bin
  ssl_fc_eclist_bin ssl_fc_exporter_secret ssl_fc_extlist_bin ssl_fc_npn ssl_fc_protocol_hello_id
  ssl_fc_server_handshake_traffic_secret ssl_fc_server_random ssl_fc_server_traffic_secret_0
  ssl_fc_session_key ssl_fc_unique_id ssl_s_chain_der
`);

/** Converters. */
export const FOREIGN_CONVERTERS = names(`
  debug protobuf table_expire table_idle ungrpc
`);
