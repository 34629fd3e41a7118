// Sends an order from Node to the candidate that is the primary. Repeats are safe, because the order id stays the same.
//   npm install @grpc/grpc-js @grpc/proto-loader && node examples/order.js 10.0.0.1:50053,10.0.0.2:50053 my-order-1
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [targets, order_id] = process.argv.slice(2);
const file = "alphaforge/execution/v1/execution_service.proto";
const definition = loader.loadSync(file, { includeDirs: [`${__dirname}/../protos`], keepCase: true, enums: String });
const { ExecutionService } = grpc.loadPackageDefinition(definition).alphaforge.execution.v1;
const clients = targets.split(",").map((target) => new ExecutionService(target, grpc.credentials.createInsecure()));
const order = { order_id, instrument_id: "BTCUSD", strategy_id: "node", quantity: "0.1", price: "45000",
  side: "ORDER_SIDE_BUY", order_type: "ORDER_TYPE_LIMIT", time_in_force: "TIME_IN_FORCE_GOOD_TILL_CANCEL" };

// A follower answers UNAVAILABLE, and a frozen machine doesn't answer. In both cases, tries the next candidate.
function submit(attempt) {
  clients[attempt % clients.length].SubmitOrder({ order }, { deadline: Date.now() + 2000 }, (error, answer) => {
    if (!error) return console.log(JSON.stringify(answer)), clients.forEach((client) => client.close());
    if (![grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED].includes(error.code) || attempt > 150) throw error;
    setTimeout(submit, 200, attempt + 1);
  });
}
submit(0);
