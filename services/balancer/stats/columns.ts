/** What HAProxy's JSON says of a column beside its value (management guide, section 9.2). */
export interface Column {
  readonly name: string;
  readonly origin: string;
  readonly nature: string;
  readonly scope: 'Process' | 'Service';
  readonly type: 'str' | 'u32' | 's32' | 'u64';
}

/**
 * `name nature type`, origin Metric and scope Process unless said otherwise, in the order of
 * HAProxy 2.6's `show stat`. A bare name has no value in HAProxy over HTTP either, or only for
 * features that we lack.
 */
const TABLE = `
pxname Key/Name/Service str
svname Key/Name/Service str
qcur Gauge u32
qmax Max u32
scur Gauge u32
smax Max u32
slim Config/Limit u32
stot Counter u64
bin Counter u64
bout Counter u64
dreq Counter u64
dresp Counter u64
ereq Counter u64
econ Counter u64
eresp Counter u64
wretr Counter u64
wredis Counter u64
status Status/Gauge str
weight Avg u32
act Gauge u32
bck Gauge u32
chkfail Counter u64
chkdown Counter u64
lastchg Age u32
downtime Counter u32
qlimit Config/Limit/Service u32
pid Key/Gauge u32
iid Key/Gauge/Service u32
sid Key/Gauge/Service u32
throttle Avg u32
lbtot Counter u64
tracked Config/Name/Service str
type Config/Gauge/Service u32
rate Rate u32
rate_lim Config/Limit u32
rate_max Max u32
check_status Output str
check_code Output u32
check_duration Duration u64
hrsp_1xx Counter u64
hrsp_2xx Counter u64
hrsp_3xx Counter u64
hrsp_4xx Counter u64
hrsp_5xx Counter u64
hrsp_other Counter u64
hanafail Counter u64
req_rate Rate u32
req_rate_max Max u32
req_tot Counter u64
cli_abrt Counter u64
srv_abrt Counter u64
comp_in Counter u64
comp_out Counter u64
comp_byp Counter u64
comp_rsp Counter u64
lastsess Age s32
last_chk Output str
last_agt Output str
qtime Avg u32
ctime Avg u32
rtime Avg u32
ttime Avg u32
agent_status Output str
agent_code Output u32
agent_duration Duration u64
check_desc Output str
agent_desc Output str
check_rise Config/Gauge/Service u32
check_fall Config/Gauge/Service u32
check_health Config/Gauge/Service u32
agent_rise Config/Gauge/Service u32
agent_fall Config/Gauge/Service u32
agent_health Config/Gauge/Service u32
addr Config/Gauge/Service str
cookie Config/Name/Service str
mode Config/Gauge/Service str
algo Config/Gauge/Service str
conn_rate Rate u32
conn_rate_max Max u32
conn_tot Counter u64
intercepted Counter u64
dcon Counter u64
dses Counter u64
wrew Counter u64
connect Counter u64
reuse Counter u64
cache_lookups Counter u64
cache_hits Counter u64
srv_icur Gauge u32
src_ilim Config/Limit u32
qtime_max Max u32
ctime_max Max u32
rtime_max Max u32
ttime_max Max u32
eint Counter u64
idle_conn_cur Gauge u32
safe_conn_cur Gauge u32
used_conn_cur Gauge u32
need_conn_est Gauge u32
uweight Avg u32
agg_server_status Gauge u32
agg_server_check_status Gauge u32
agg_check_status Gauge u32
- Key/Name/Service str
ssl_sess Counter u64
ssl_reused_sess Counter u64
ssl_failed_handshake Counter u64
h2_headers_rcvd Counter u64
h2_data_rcvd Counter u64
h2_settings_rcvd Counter u64
h2_rst_stream_rcvd Counter u64
h2_goaway_rcvd Counter u64
h2_detected_conn_protocol_errors Counter u64
h2_detected_strm_protocol_errors Counter u64
h2_rst_stream_resp Counter u64
h2_goaway_resp Counter u64
h2_open_connections Gauge u64
h2_backend_open_streams Gauge u64
h2_total_connections Counter u64
h2_backend_total_streams Counter u64
h1_open_connections Gauge u64
h1_open_streams Gauge u64
h1_total_connections Counter u64
h1_total_streams Counter u64
h1_bytes_in Counter u64
h1_bytes_out Counter u64
h1_spliced_bytes_in Counter u64
h1_spliced_bytes_out Counter u64
`;

export const COLUMNS: readonly Column[] = TABLE.trim()
  .split('\n')
  .map((line) => {
    const [name = '', tags = 'Gauge', type = 'u32'] = line.split(' ');
    const parts = tags.split('/');
    const [origin, nature] = parts.length === 1 ? ['Metric', parts[0]!] : [parts[0]!, parts[1]!];
    return {
      name,
      origin,
      nature,
      scope: parts[2] === 'Service' ? 'Service' : 'Process',
      type: type as Column['type'],
    };
  });

/** The column between HAProxy's own statistics and those of its modules; it always holds `-`. */
export const SEPARATOR = '-';
