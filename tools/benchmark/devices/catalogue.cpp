#include "tools/benchmark/devices/catalogue.h"

namespace agiddi::tools {
namespace {

constexpr City kCities[] = {
    {"Tokyo", 35.6762, 139.6503, 370, 14},      {"Delhi", 28.6139, 77.2090, 240, 12},         {"Shanghai", 31.2304, 121.4737, 290, 13},
    {"Sao Paulo", -23.5505, -46.6333, 190, 13}, {"Mexico City", 19.4326, -99.1332, 180, 12},  {"Cairo", 30.0444, 31.2357, 110, 10},
    {"Mumbai", 19.0760, 72.8777, 180, 10},      {"Beijing", 39.9042, 116.4074, 260, 13},      {"Dhaka", 23.8103, 90.4125, 90, 8},
    {"Osaka", 34.6937, 135.5023, 190, 10},      {"New York", 40.7128, -74.0060, 330, 12},     {"Karachi", 24.8607, 67.0011, 80, 10},
    {"Buenos Aires", -34.6037, -58.3816, 120, 11}, {"Istanbul", 41.0082, 28.9784, 140, 12},   {"Kolkata", 22.5726, 88.3639, 90, 9},
    {"Lagos", 6.5244, 3.3792, 70, 10},          {"Manila", 14.5995, 120.9842, 90, 9},         {"Rio de Janeiro", -22.9068, -43.1729, 110, 10},
    {"Guangzhou", 23.1291, 113.2644, 170, 11},  {"Los Angeles", 34.0522, -118.2437, 260, 16}, {"Moscow", 55.7558, 37.6173, 150, 12},
    {"Shenzhen", 22.5431, 114.0579, 200, 10},   {"Paris", 48.8566, 2.3522, 240, 6},           {"Bogota", 4.7110, -74.0721, 80, 8},
    {"Jakarta", -6.2088, 106.8456, 110, 11},    {"Lima", -12.0464, -77.0428, 70, 9},          {"Bangkok", 13.7563, 100.5018, 110, 11},
    {"Seoul", 37.5665, 126.9780, 280, 11},      {"Nagoya", 35.1815, 136.9066, 120, 9},        {"Hyderabad", 17.3850, 78.4867, 90, 9},
    {"London", 51.5074, -0.1278, 300, 11},      {"Tehran", 35.6892, 51.3890, 70, 9},          {"Chicago", 41.8781, -87.6298, 180, 12},
    {"Chengdu", 30.5728, 104.0668, 120, 10},    {"Nanjing", 32.0603, 118.7969, 90, 9},        {"Ho Chi Minh City", 10.8231, 106.6297, 80, 9},
    {"Toronto", 43.6532, -79.3832, 130, 10},    {"Johannesburg", -26.2041, 28.0473, 60, 11},  {"Dallas", 32.7767, -96.7970, 130, 14},
    {"San Francisco", 37.7749, -122.4194, 170, 9}, {"Madrid", 40.4168, -3.7038, 140, 8},      {"Barcelona", 41.3851, 2.1734, 120, 6},
    {"Berlin", 52.5200, 13.4050, 160, 9},       {"Hamburg", 53.5511, 9.9937, 80, 8},          {"Munich", 48.1351, 11.5820, 100, 7},
    {"Vienna", 48.2082, 16.3738, 90, 7},        {"Rome", 41.9028, 12.4964, 90, 8},            {"Milan", 45.4642, 9.1900, 100, 7},
    {"Amsterdam", 52.3676, 4.9041, 110, 6},     {"Rotterdam", 51.9244, 4.4777, 70, 7},        {"Brussels", 50.8503, 4.3517, 70, 6},
    {"Zurich", 47.3769, 8.5417, 70, 5},         {"Stockholm", 59.3293, 18.0686, 80, 8},       {"Copenhagen", 55.6761, 12.5683, 80, 6},
    {"Oslo", 59.9139, 10.7522, 60, 7},          {"Helsinki", 60.1699, 24.9384, 70, 7},        {"Warsaw", 52.2297, 21.0122, 70, 8},
    {"Prague", 50.0755, 14.4378, 60, 7},        {"Athens", 37.9838, 23.7275, 50, 7},          {"Lisbon", 38.7223, -9.1393, 60, 6},
    {"Dublin", 53.3498, -6.2603, 60, 6},        {"Lyon", 45.7640, 4.8357, 60, 6},             {"Marseille", 43.2965, 5.3698, 50, 7},
    {"Singapore", 1.3521, 103.8198, 170, 8},    {"Hong Kong", 22.3193, 114.1694, 130, 8},     {"Taipei", 25.0330, 121.5654, 130, 7},
    {"Sydney", -33.8688, 151.2093, 110, 13},    {"Melbourne", -37.8136, 144.9631, 100, 13},   {"Auckland", -36.8509, 174.7645, 40, 9},
    {"Seattle", 47.6062, -122.3321, 110, 9},    {"Boston", 42.3601, -71.0589, 100, 8},        {"Houston", 29.7604, -95.3698, 110, 14},
    {"Miami", 25.7617, -80.1918, 80, 10},       {"Montreal", 45.5017, -73.5673, 70, 9},       {"Vancouver", 49.2827, -123.1207, 60, 8},
    {"Nairobi", -1.2921, 36.8219, 40, 8},       {"Cape Town", -33.9249, 18.4241, 40, 10},     {"Casablanca", 33.5731, -7.5898, 40, 7},
    {"Dubai", 25.2048, 55.2708, 80, 11},        {"Tel Aviv", 32.0853, 34.7818, 60, 6},
};

constexpr std::string_view kMakers[] = {"Aerolux", "Baltic Sensors", "Cumulus", "Delta Field", "Elmsworth", "Fjordtek", "Granite IoT", "Helio",
                                        "Isobar",  "Jade Meters",    "Kestrel", "Lumina",      "Meridian",  "Nordwind", "Orbis",       "Polder"};

constexpr std::string_view kFine[] = {"0.05", "0.1", "0.2", "0.3", "0.5", "1", "2"};
constexpr std::string_view kCoarse[] = {"0.5", "1", "2", "3", "5", "10"};

constexpr Range kCelsius[] = {{"-40", "60"}, {"-40", "85"}, {"-40", "125"}, {"-20", "70"}, {"0", "50"},
                              {"-50", "150"}, {"-30", "60"}, {"-30", "70"}, {"-200", "850"}};
constexpr Range kFahrenheit[] = {{"-40", "140"}, {"-4", "158"}, {"-40", "257"}};
constexpr Range kKelvin[] = {{"233.15", "333.15"}, {"218.15", "398.15"}};
constexpr UnitChoice kTemperature[] = {{"DEG_C", "Cel", 86, kCelsius}, {"DEG_F", "[degF]", 10, kFahrenheit}, {"K", "K", 4, kKelvin}};
constexpr Range kShare[] = {{"0", "100"}, {"5", "95"}, {"10", "90"}};
constexpr UnitChoice kPercent[] = {{"PERCENT", "%", 1, kShare}};
constexpr Range kAir[] = {{"300", "1100"}, {"500", "1100"}, {"260", "1260"}, {"800", "1100"}};
constexpr UnitChoice kHectopascal[] = {{"HectoPA", "hPa", 1, kAir}};
constexpr Range kWind[] = {{"0", "40"}, {"0", "50"}, {"0", "60"}, {"0", "75"}, {"0.5", "89"}};
constexpr UnitChoice kMetresPerSecond[] = {{"M-PER-SEC", "m/s", 1, kWind}};
constexpr Range kRain[] = {{"0", "50"}, {"0", "100"}, {"0", "400"}};
constexpr UnitChoice kMillimetre[] = {{"MilliM", "mm", 1, kRain}};
constexpr Range kLight[] = {{"0", "10000"}, {"0", "65535"}, {"0", "120000"}};
constexpr UnitChoice kLux[] = {{"LUX", "lx", 1, kLight}};
constexpr Range kDust[] = {{"0", "500"}, {"0", "1000"}, {"0.3", "999.9"}, {"0", "2000"}};
constexpr UnitChoice kMicrogram[] = {{"MicroGM-PER-M3", "ug/m3", 1, kDust}};
constexpr Range kGas[] = {{"0", "5000"}, {"400", "2000"}, {"0", "10000"}, {"400", "10000"}};
constexpr UnitChoice kPpm[] = {{"PPM", "[ppm]", 1, kGas}};
constexpr Range kSound[] = {{"30", "120"}, {"35", "130"}, {"25", "140"}};
constexpr UnitChoice kDecibel[] = {{"DeciB", "dB{A}", 1, kSound}};
constexpr Range kDepth[] = {{"0", "4"}, {"0", "10"}, {"0.5", "15"}, {"0", "70"}};
constexpr UnitChoice kMetre[] = {{"M", "m", 1, kDepth}};
constexpr Range kAcid[] = {{"0", "14"}, {"2", "12"}};
constexpr UnitChoice kPhUnit[] = {{"PH", "[pH]", 1, kAcid}};
constexpr Range kLoad[] = {{"0", "3680"}, {"0", "11000"}, {"0", "22000"}, {"0", "50000"}};
constexpr UnitChoice kWatt[] = {{"W", "W", 1, kLoad}};
constexpr Range kMeter[] = {{"0", "99999.9"}, {"0", "999999"}};
constexpr UnitChoice kKilowattHour[] = {{"KiloW-HR", "kW.h", 1, kMeter}};
constexpr Range kMains[] = {{"80", "300"}, {"0", "480"}, {"180", "260"}};
constexpr UnitChoice kVolt[] = {{"V", "V", 1, kMains}};
constexpr Range kCounts[] = {{"0", "100"}, {"0", "1000"}, {"0", "9999"}, {"0", "65535"}};
constexpr UnitChoice kNumber[] = {{"NUM", "{#}", 1, kCounts}};

constexpr SensorKind kAirTemperature{"air temperature", "AirTemperature", "Temperature", kTemperature, kFine};
constexpr SensorKind kWaterTemperature{"water temperature", "WaterTemperature", "Temperature", kTemperature, kFine};
constexpr SensorKind kSoilTemperature{"soil temperature", "SoilTemperature", "Temperature", kTemperature, kFine};
constexpr SensorKind kHumidity{"humidity", "RelativeHumidity", "RelativeHumidity", kPercent, kCoarse};
constexpr SensorKind kPressure{"pressure", "AirPressure", "AirPressure", kHectopascal, kFine};
constexpr SensorKind kWindSpeed{"wind", "WindSpeed", "WindSpeed", kMetresPerSecond, kFine};
constexpr SensorKind kRainfall{"rain", "Precipitation", "Precipitation", kMillimetre, kFine};
constexpr SensorKind kIlluminance{"light", "Illuminance", "Illuminance", kLux, kCoarse};
constexpr SensorKind kPm25{"pm2.5", "PM2_5", "ParticulateMatter25", kMicrogram, kCoarse};
constexpr SensorKind kPm10{"pm10", "PM10", "ParticulateMatter10", kMicrogram, kCoarse};
constexpr SensorKind kNo2{"no2", "NO2", "NitrogenDioxide", kMicrogram, kCoarse};
constexpr SensorKind kCo2{"co2", "CO2", "CarbonDioxide", kPpm, kCoarse};
constexpr SensorKind kNoise{"noise", "NoiseLevel", "NoiseLevel", kDecibel, kFine};
constexpr SensorKind kSoilMoisture{"moisture", "SoilMoisture", "SoilMoisture", kPercent, kCoarse};
constexpr SensorKind kWaterLevel{"level", "WaterLevel", "WaterLevel", kMetre, kFine};
constexpr SensorKind kPh{"ph", "Acidity", "Acidity", kPhUnit, kFine};
constexpr SensorKind kPower{"power", "ActivePower", "ActivePower", kWatt, kCoarse};
constexpr SensorKind kEnergy{"energy", "Energy", "Energy", kKilowattHour, kCoarse};
constexpr SensorKind kVoltage{"voltage", "Voltage", "Voltage", kVolt, kFine};
constexpr SensorKind kVehicles{"vehicles", "VehicleCount", "VehicleCount", kNumber, kCoarse};
constexpr SensorKind kPeople{"people", "PersonCount", "PersonCount", kNumber, kCoarse};
constexpr SensorKind kFill{"fill", "FillLevel", "FillLevel", kPercent, kCoarse};

constexpr KindShare kWeather[] = {{&kAirTemperature, 60}, {&kHumidity, 20}, {&kPressure, 15}, {&kWindSpeed, 15}, {&kRainfall, 12}, {&kIlluminance, 5}};
constexpr KindShare kAirQuality[] = {{&kPm25, 35}, {&kPm10, 20}, {&kNo2, 15}, {&kCo2, 10}, {&kAirTemperature, 20}, {&kHumidity, 10}};
constexpr KindShare kIndoor[] = {{&kAirTemperature, 55}, {&kHumidity, 20}, {&kCo2, 20}, {&kIlluminance, 8}, {&kNoise, 4}};
constexpr KindShare kSmartMeter[] = {{&kEnergy, 60}, {&kPower, 30}, {&kVoltage, 15}};
constexpr KindShare kSoil[] = {{&kSoilMoisture, 60}, {&kSoilTemperature, 30}, {&kPh, 10}};
constexpr KindShare kWater[] = {{&kPh, 30}, {&kWaterTemperature, 40}, {&kWaterLevel, 10}};
constexpr KindShare kLevels[] = {{&kWaterLevel, 75}, {&kWaterTemperature, 15}, {&kRainfall, 10}};
constexpr KindShare kSound2[] = {{&kNoise, 90}, {&kAirTemperature, 10}};
constexpr KindShare kTraffic[] = {{&kVehicles, 90}, {&kNoise, 10}};
constexpr KindShare kOccupancy[] = {{&kPeople, 80}, {&kCo2, 10}, {&kAirTemperature, 10}};
constexpr KindShare kWaste[] = {{&kFill, 85}, {&kAirTemperature, 15}};
constexpr KindShare kMachine[] = {{&kAirTemperature, 60}, {&kPower, 30}, {&kVoltage, 10}};

constexpr DeviceKind kDeviceKinds[] = {
    {"WeatherStation", 170, kWeather},      {"AirQualityStation", 140, kAirQuality}, {"IndoorClimateSensor", 180, kIndoor},
    {"SmartMeter", 160, kSmartMeter},       {"SoilStation", 60, kSoil},              {"WaterQualityStation", 30, kWater},
    {"WaterLevelStation", 30, kLevels},     {"NoiseMonitor", 40, kSound2},           {"TrafficCounter", 50, kTraffic},
    {"OccupancySensor", 50, kOccupancy},    {"WasteBinSensor", 40, kWaste},          {"IndustrialMachine", 50, kMachine},
};

}  // namespace

std::span<const City> cities() { return kCities; }
std::span<const std::string_view> makers() { return kMakers; }
std::span<const DeviceKind> device_kinds() { return kDeviceKinds; }

}  // namespace agiddi::tools
